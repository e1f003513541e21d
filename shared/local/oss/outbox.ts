import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../ports/index.ts'
import type { OssNotification } from './notification.ts'

export interface OutboxOptions {
  readonly deliver: (notification: OssNotification) => Promise<void>
  /** Whether the change that an event tells of is in effect; asked where a killed server had not said so. */
  readonly happened: (event: OssNotification['events'][number]) => boolean
  readonly log: Log
}

export interface Outbox {
  /** Resolves once the event is on disk. Call it before the change, so that no crash can leave a change without its event. */
  announce(notification: OssNotification): Promise<Announcement>
  /** No further deliveries begin; what is left waits for the next process. */
  close(): Promise<void>
}

export interface Announcement {
  /** The change is in effect: the event will be delivered, also by the next process. */
  confirm(): Promise<void>
  /** The change failed: the event goes only if the change is in effect all the same. */
  recheck(): Promise<void>
}

const retryMs = [50, 200, 1_000, 5_000] as const

/** Delivers at least once: an event is removed after its delivery, so a crash between the two repeats it. */
export async function openOutbox(dir: string, { deliver, happened, log }: OutboxOptions): Promise<Outbox> {
  await mkdir(dir, { recursive: true })
  const closed = new AbortController()
  // Each delivery that waits for its next try listens.
  setMaxListeners(0, closed.signal)
  const underWay = new Set<Promise<void>>()

  async function deliverAndRemove(file: string, notification: OssNotification): Promise<void> {
    for (let attempt = 0; !closed.signal.aborted; attempt += 1) {
      try {
        await deliver(notification)
        await rm(file, { force: true })
        return
      } catch (error) {
        if (attempt === retryMs.length) log.warn('an object event is not delivered yet', { reason: String(error) })
        const waitMs = retryMs[Math.min(attempt, retryMs.length - 1)]
        await sleep(waitMs, undefined, { signal: closed.signal }).catch(() => undefined)
      }
    }
  }

  function begin(file: string, notification: OssNotification): void {
    const work = deliverAndRemove(file, notification).finally(() => underWay.delete(work))
    underWay.add(work)
  }

  function announcement(name: string, notification: OssNotification): Announcement {
    const pending = join(dir, `${name}.pending`)
    const confirm = async () => {
      await rename(pending, join(dir, `${name}.json`))
      begin(join(dir, `${name}.json`), notification)
    }
    return {
      confirm,
      recheck: async () => (notification.events.some(happened) ? await confirm() : await rm(pending, { force: true })),
    }
  }

  for (const entry of (await readdir(dir)).sort()) {
    const file = join(dir, entry)
    const [name = '', kind] = entry.split('.')
    if (kind === 'json') begin(file, await readNotification(file))
    else if (kind === 'pending') await announcement(name, await readNotification(file)).recheck()
    else await rm(file, { force: true })
  }

  return {
    async announce(notification) {
      const name = `${Date.now()}-${randomBytes(6).toString('hex')}`
      await writeFile(join(dir, `${name}.draft`), JSON.stringify(notification), { flush: true })
      await rename(join(dir, `${name}.draft`), join(dir, `${name}.pending`))
      return announcement(name, notification)
    },
    async close() {
      closed.abort()
      await Promise.all(underWay)
    },
  }
}

const readNotification = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as OssNotification
