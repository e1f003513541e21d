import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { findProcess } from './processes.ts'

/** Beside `path`, for what gets that name when it is whole. It names its maker, so that it can be told from litter. */
export const draftOf = (path: string) => `${path}.draft-${process.pid}-${randomBytes(6).toString('hex')}`

/** Removes the drafts of `path` whose makers were killed. */
export async function removeDeadDrafts(path: string): Promise<void> {
  const parent = dirname(path)
  for (const name of existsSync(parent) ? await readdir(parent) : []) {
    const maker = name.startsWith(`${basename(path)}.draft-`)
      ? /\.draft-(\d+)-[0-9a-f]{12}$/.exec(name)?.[1]
      : undefined
    if (maker === undefined || (await findProcess(Number(maker))) !== null) continue
    // The initdb of a killed parent may still be writing into it, until it misses its own files.
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 20 })
  }
}
