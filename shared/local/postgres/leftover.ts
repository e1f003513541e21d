import { setTimeout as sleep } from 'node:timers/promises'
import { TransferError } from '../../errors/index.ts'
import { readPostmasterFile } from './postmaster-file.ts'
import { findProcess, type RunningProcess } from './processes.ts'

/** How the guardian of a server is called, so that a stranger can tell whose server it is. */
export const guardianName = (ownerPid: number) => `guardian-of-${ownerPid}`

/** Another process of ours may be about to close its server. */
const ownedWaitMs = 2_000
/** A guardian whose owner is gone has asked postgres to stop; it writes its data first. */
const orphanWaitMs = 15_000

/**
 * Deals with the server that still runs on this data, by what `postmaster.pid` says. One with a living owner is refused.
 * One without was left behind by a killed parent: its guardian is stopping it, and if that was killed too, we do.
 * A stale file is postgres' own to clear.
 * @throws platform/misconfigured
 */
export async function stopLeftover(dataDir: string): Promise<void> {
  const since = Date.now()
  for (let server = await runningServer(dataDir); server !== null; server = await runningServer(dataDir)) {
    const waitedMs = Date.now() - since
    const owner = await ownerOf(server)
    if (owner !== null && waitedMs >= ownedWaitMs) throw inUse(dataDir, server.pid, owner)
    if (owner === null) signalOrphan(server.pid, waitedMs < orphanWaitMs ? 'SIGINT' : 'SIGQUIT')
    if (waitedMs >= 2 * orphanWaitMs) throw inUse(dataDir, server.pid, null)
    await sleep(100)
  }
}

/** Whether a postmaster runs on this data. */
export const isServed = async (dataDir: string): Promise<boolean> => (await runningServer(dataDir)) !== null

/** The postmaster of this data, by its command line: a process id alone may have passed to somebody else. */
async function runningServer(dataDir: string): Promise<RunningProcess | null> {
  const file = await readPostmasterFile(dataDir)
  const found = file === null ? null : await findProcess(file.pid)
  return found !== null && `${found.words.join(' ')} `.includes(` -D ${dataDir} `) ? found : null
}

/** The process that started it, while that lives and its guardian hangs on to it. */
async function ownerOf(server: RunningProcess): Promise<number | null> {
  const guardian = await findProcess(server.parent)
  const owner = /\bguardian-of-(\d+)\b/.exec(guardian?.words.join(' ') ?? '')?.[1]
  return guardian !== null && Number(owner) === guardian.parent ? guardian.parent : null
}

function signalOrphan(pid: number, signal: 'SIGINT' | 'SIGQUIT'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

function inUse(dataDir: string, pid: number, owner: number | null): TransferError {
  const whose = owner === null ? 'does not stop' : `belongs to process ${owner}`
  const message = `PostgreSQL process ${pid} uses ${dataDir} and ${whose}: stop the other stack first`
  return new TransferError('platform/stack-busy', message, { pid, dataDir })
}
