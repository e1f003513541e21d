import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface PostmasterFile {
  readonly pid: number
  /** PostgreSQL 10 and later say so in the eighth line. */
  readonly ready: boolean
}

/** `postmaster.pid`, which lies in the data of a server that runs, or was killed. null when there is none, or half of one. */
export async function readPostmasterFile(dataDir: string): Promise<PostmasterFile | null> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : null
}
