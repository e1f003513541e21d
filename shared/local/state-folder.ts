import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type * as z from 'zod'
import { TransferError } from '../errors/index.ts'

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

/** Read-only, of another user, beneath a file, or full. */
const unwritable = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOSPC', 'EDQUOT'])

/** An error of a start, told by the folder where that cannot be read or written. */
export function asUnwritable(error: unknown, stateDir: string): unknown {
  const code = String(codeOf(error))
  if (!unwritable.has(code)) return error
  const message = `the folder of the local stack, ${stateDir}, cannot be used (${code}); make it readable and writable, or name another in ADBPG_SYNC_HOME`
  return new TransferError('platform/misconfigured', message, { stateDir, code }, { cause: error })
}

/**
 * A file of the stack.
 * @returns null where there is none
 * @throws platform/misconfigured when it is damaged; `remedy` says what to do then
 */
export async function readStateFile<S extends z.ZodType>(
  file: string,
  schema: S,
  remedy: string,
): Promise<z.infer<S> | null> {
  try {
    return schema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return null
    if (typeof codeOf(cause) === 'string') throw asUnwritable(cause, dirname(file))
    throw new TransferError('platform/misconfigured', `${file} is damaged; ${remedy}`, { file }, { cause })
  }
}
