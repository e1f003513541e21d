import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { accountFor } from '../../shared/local/postgres/account.ts'
import { readPostmasterFile } from '../../shared/local/postgres/postmaster-file.ts'
import { StackFile } from '../../shared/local/stack.ts'
import type { CrashPoint } from '../../shared/run/crash-points.ts'
import { keptLog } from './log.ts'
import { crashFileOf, startServers } from './stack.ts'

export interface StackProcess {
  readonly file: StackFile
  /** kill -9 of PostgreSQL, of the servers and of every function, frozen or not; resolves when they are gone. */
  killAll(): Promise<void>
}

/** A stack in a process group of its own, which its functions belong to. */
export async function startStackProcess(stateDir: string): Promise<StackProcess> {
  const child = fork(fileURLToPath(import.meta.url), [stateDir], { execArgv: ['--import', 'tsx'], detached: true })
  const file = await nextMessage(child)
  const { pid } = child
  if (pid === undefined) throw new Error('the stack has no process id')
  return {
    file,
    async killAll() {
      const { dataDir } = await accountFor(join(stateDir, 'postgres'), process.getuid?.() ?? 1000)
      const postmaster = await readPostmasterFile(dataDir)
      const gone = once(child, 'exit')
      if (postmaster !== null) process.kill(postmaster.pid, 'SIGKILL')
      process.kill(-pid, 'SIGKILL')
      await gone
    },
  }
}

async function nextMessage(child: ChildProcess): Promise<StackFile> {
  const gone = once(child, 'exit').then(() => Promise.reject(new Error('the stack did not start')))
  const [told]: unknown[] = await Promise.race([once(child, 'message'), gone])
  // Its end is expected from now on.
  gone.catch(() => undefined)
  return StackFile.parse(told)
}

/** Every function that comes to the point stands still there. */
export function freezeAt(stateDir: string, point: CrashPoint): void {
  writeFileSync(crashFileOf(stateDir), `freeze ${point}`)
}

const marksOf = (stateDir: string) => {
  const file = crashFileOf(stateDir)
  return readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.frozen-`))
}

export const countFrozen = (stateDir: string): number => marksOf(stateDir).length

/** After everything was killed: the next start meets no crash point. */
export function forgetFreeze(stateDir: string): void {
  rmSync(crashFileOf(stateDir), { force: true })
  for (const mark of marksOf(stateDir)) rmSync(join(stateDir, mark))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stack = await startServers(process.argv[2] ?? '', {}, {}, keptLog())
  process.on('disconnect', () => process.exit())
  process.send?.(stack.file)
}
