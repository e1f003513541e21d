import { randomBytes } from 'node:crypto'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TransferError } from '../errors/index.ts'
import { keyBytes } from './seal.ts'

/** Where the key of a vault is: in the environment, or in a file that lies outside of the vault's folder. */
export interface KeyPlace {
  /** Base64 of 32 bytes; it goes before the file. */
  readonly key: string | undefined
  readonly keyFile: string | undefined
}

/** @throws platform/misconfigured for a key that is none, or that others may read; job/secret-missing when there is none */
export async function readVaultKey({ key, keyFile }: KeyPlace): Promise<Buffer> {
  if (key !== undefined) return decoded(key, 'ADBPG_SYNC_VAULT_KEY')
  if (keyFile === undefined) throw new TransferError('job/secret-missing', 'the vault has no key on this machine')
  const text = await readFile(keyFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const message = `the key of the vault cannot be read from ${keyFile}: ${cause.code}`
    throw new TransferError('job/secret-missing', message, { keyFile }, { cause })
  })
  await refuseOpenFile(keyFile)
  return decoded(text, keyFile)
}

/** Made once, by whoever is first to keep a secret. */
export async function readOrMakeVaultKey(place: KeyPlace): Promise<Buffer> {
  const { key, keyFile } = place
  if (key === undefined && keyFile !== undefined) {
    await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 })
    const made = `${randomBytes(keyBytes).toString('base64')}\n`
    // `wx`: of two commands that begin at once, one writes and the other reads what was written.
    await writeFile(keyFile, made, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return await readVaultKey(place)
}

async function refuseOpenFile(keyFile: string): Promise<void> {
  const { mode } = await stat(keyFile)
  if ((mode & 0o077) === 0) return
  throw new TransferError('platform/misconfigured', `others may read the key ${keyFile}; run chmod 600 on it`, {
    keyFile,
  })
}

function decoded(text: string, from: string): Buffer {
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length === keyBytes) return key
  const message = `${from} must hold ${keyBytes} bytes in base64, as \`openssl rand -base64 ${keyBytes}\` makes them`
  throw new TransferError('platform/misconfigured', message, { from })
}
