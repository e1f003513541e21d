import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../ports/index.ts'
import type { OssNotification } from './notification.ts'

export interface Outbox {
  /** Resolves once the event is on disk: from then on it will be delivered, also by the next process. */
  store(notification: OssNotification): Promise<void>
  /** No further deliveries begin. */
  close(): Promise<void>
}

const retryMs = [50, 200, 1_000, 5_000] as const

/** Delivers at least once: an event is removed after its delivery, so a crash between the two repeats it. */
export async function openOutbox(
  dir: string,
  deliver: (notification: OssNotification) => Promise<void>,
  log: Log,
): Promise<Outbox> {
  await mkdir(dir, { recursive: true })
  const closed = new AbortController()
  const underWay = new Set<Promise<void>>()

  const begin = (file: string, notification: OssNotification) => {
    const work = deliverAndRemove(file, notification).finally(() => underWay.delete(work))
    underWay.add(work)
  }

  async function deliverAndRemove(file: string, notification: OssNotification): Promise<void> {
    for (let attempt = 0; !closed.signal.aborted; attempt += 1) {
      try {
        await deliver(notification)
        await rm(file, { force: true })
        return
      } catch (error) {
        if (attempt >= retryMs.length) log.warn('an object event is not delivered yet', { reason: String(error) })
        const waitMs = retryMs[Math.min(attempt, retryMs.length - 1)]
        await sleep(waitMs, undefined, { signal: closed.signal }).catch(() => undefined)
      }
    }
  }

  for (const name of (await readdir(dir)).sort()) {
    const file = join(dir, name)
    if (name.endsWith('.json')) begin(file, JSON.parse(await readFile(file, 'utf8')) as OssNotification)
    else await rm(file, { force: true })
  }

  return {
    async store(notification) {
      const name = `${Date.now()}-${randomBytes(6).toString('hex')}`
      const file = join(dir, `${name}.json`)
      await writeFile(join(dir, `${name}.draft`), JSON.stringify(notification), { flush: true })
      await rename(join(dir, `${name}.draft`), file)
      begin(file, notification)
    },
    async close() {
      closed.abort()
      await Promise.all(underWay)
    },
  }
}
