import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

export interface RunningProcess {
  readonly pid: number
  readonly parent: number
  /** The words of its command line; where the system has no /proc, one text of all of them. */
  readonly words: readonly string[]
}

/** null when there is no such process, or it has ended and waits for its parent to notice. */
export async function findProcess(pid: number): Promise<RunningProcess | null> {
  return existsSync('/proc/self/stat') ? await fromProc(pid) : await fromPs(pid)
}

async function fromProc(pid: number): Promise<RunningProcess | null> {
  const [stat, command] = await Promise.all([readOrEmpty(`/proc/${pid}/stat`), readOrEmpty(`/proc/${pid}/cmdline`)])
  // `12 (name, which may hold anything) S 11 …`
  const parent = /^\d+ \(.*\) \S (\d+)/s.exec(stat)?.[1]
  return parent === undefined || command === '' ? null : { pid, parent: Number(parent), words: command.split('\0') }
}

async function fromPs(pid: number): Promise<RunningProcess | null> {
  const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)]).catch(
    (error: { code?: unknown }) => {
      // Its way to say that there is none.
      if (error.code === 1) return { stdout: '' }
      throw error
    },
  )
  const found = /^\s*(\d+)\s+(.*)$/s.exec(stdout.trimEnd())
  return found === null ? null : { pid, parent: Number(found[1]), words: [found[2] ?? ''] }
}

async function readOrEmpty(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return ''
    throw error
  })
}
