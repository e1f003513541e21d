import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { OssNotification } from '../../shared/local/oss/notification.ts'
import { startTestOss } from './oss.ts'

type Told =
  | { readonly endpoint: string }
  | { readonly delivered: OssNotification }
  | { readonly rssBytes: number; readonly peakBytes: number }

export interface OssProcess {
  readonly endpoint: string
  readonly pid: number
  /** Events that the server has delivered, which it does only where `deliver` says so. */
  readonly delivered: OssNotification[]
  rss(): Promise<{ rssBytes: number; peakBytes: number }>
  /** SIGKILL, so that nothing is put in order; resolves when the process is gone. */
  kill(): Promise<void>
}

/** The server in a process of its own, to be killed or measured. @param deliver `refuse`: the receiver is down */
export async function startOssProcess(dataDir: string, deliver: 'tell' | 'refuse' = 'tell'): Promise<OssProcess> {
  const child = fork(fileURLToPath(import.meta.url), [dataDir, deliver], { execArgv: ['--import', 'tsx'] })
  const delivered: OssNotification[] = []
  child.on('message', (told: Told) => {
    if ('delivered' in told) delivered.push(told.delivered)
  })
  const { endpoint } = await nextTold(child, (told) => ('endpoint' in told ? told : null))
  return {
    endpoint,
    pid: child.pid ?? 0,
    delivered,
    async rss() {
      child.send('rss')
      return await nextTold(child, (told) => ('rssBytes' in told ? told : null))
    },
    async kill() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}

function nextTold<T>(child: ChildProcess, pick: (told: Told) => T | null): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (told: Told) => {
      const picked = pick(told)
      if (picked === null) return
      child.off('message', onMessage)
      resolve(picked)
    }
    child.on('message', onMessage)
    child.once('exit', () => reject(new Error('the server process is gone')))
  })
}

async function serve(dataDir: string, mode: string): Promise<void> {
  const tell = (told: Told) => void process.send?.(told)
  const oss = await startTestOss(dataDir, 0, async (notification) => {
    if (mode === 'refuse') throw new Error('the receiver is down')
    tell({ delivered: notification })
  })
  await oss.server.createBucket('bkt')
  let peakBytes = 0
  setInterval(() => {
    peakBytes = Math.max(peakBytes, process.memoryUsage.rss())
  }, 20)
  process.on('message', () => tell({ rssBytes: process.memoryUsage.rss(), peakBytes }))
  process.on('disconnect', () => process.exit())
  tell({ endpoint: oss.server.endpoint })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2] ?? '', process.argv[3] ?? '')
