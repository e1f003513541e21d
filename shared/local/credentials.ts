import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import { readStateFile } from './state-folder.ts'

/** Keys of one local stack: random, made once, readable by their owner only. They open nothing but loopback servers. */
export const StackCredentials = z.object({
  accessKeyId: z.string(),
  accessKeySecret: z.string(),
  apiToken: z.string(),
  postgresPassword: z.string(),
})
export type StackCredentials = z.infer<typeof StackCredentials>

export async function readOrMakeCredentials(stateDir: string): Promise<StackCredentials> {
  const file = join(stateDir, 'credentials.json')
  await mkdir(stateDir, { recursive: true })
  try {
    // `wx`: of two stacks that start at once, one writes and the other reads what was written.
    await writeFile(file, JSON.stringify(makeCredentials(), null, 2), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  const found = await readStateFile(
    file,
    StackCredentials,
    'put back a copy: the data of PostgreSQL knows its password',
  )
  if (found !== null) return found
  throw new TransferError('platform/misconfigured', `${file} was removed while the stack began`, { file })
}

const makeCredentials = (): StackCredentials => ({
  accessKeyId: `local${randomBytes(8).toString('hex')}`,
  accessKeySecret: randomBytes(24).toString('base64url'),
  apiToken: randomBytes(24).toString('base64url'),
  postgresPassword: randomBytes(18).toString('base64url'),
})
