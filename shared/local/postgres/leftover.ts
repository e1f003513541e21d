import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TransferError } from '../../errors/index.ts'

/**
 * Deals with what `postmaster.pid` says of the last start. Its guardian stops an orphan within moments, so a server that
 * runs on this data belongs to a stack that is up, or to a parent that was killed just now: it is waited for, and refused
 * when it stays. A stale file is postgres' own to clear.
 * @throws platform/misconfigured
 */
export async function stopLeftover(dataDir: string, withinMs: number): Promise<void> {
  const until = Date.now() + Math.min(withinMs, 15_000)
  for (let pid = await runningPid(dataDir); pid !== null; pid = await runningPid(dataDir)) {
    if (Date.now() > until) {
      const message = `PostgreSQL process ${pid} uses ${dataDir}: stop the other stack first`
      throw new TransferError('platform/misconfigured', message, { pid, dataDir })
    }
    await sleep(100)
  }
}

/** The postmaster of this data, by its command line: a process id alone may have passed to somebody else. */
async function runningPid(dataDir: string): Promise<number | null> {
  const pid = Number.parseInt(await readOrEmpty(join(dataDir, 'postmaster.pid')), 10)
  if (!Number.isInteger(pid)) return null
  const command = await readOrEmpty(`/proc/${pid}/cmdline`)
  return command.includes(dataDir) ? pid : null
}

async function readOrEmpty(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
    throw error
  })
}
