import { readFile } from 'node:fs/promises'
import { TransferError } from '../errors/index.ts'

/** A file that the command line names. @throws usage/invalid */
export const readText = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TransferError('usage/invalid', `cannot read ${path}: ${cause.code}`, { file: path }, { cause })
  })
