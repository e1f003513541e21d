import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import type { SecretRef, Secrets } from '../ports/index.ts'

const Vault = z.record(z.string(), z.string())

/** `env:NAME` reads the environment, `vault:NAME` the vault file, which is read anew each time: the CLI may just have added to it. */
export function openSecrets(
  environment: Readonly<Record<string, string | undefined>>,
  vaultFile: string | undefined,
): Secrets {
  return {
    async resolve(ref: SecretRef): Promise<string> {
      const [place, name] = [ref.slice(0, ref.indexOf(':')), ref.slice(ref.indexOf(':') + 1)]
      const value = place === 'env' ? environment[name] : await fromVault(vaultFile, name)
      if (value === undefined || value === '') throw missing(ref)
      return value
    },
  }
}

async function fromVault(file: string | undefined, name: string): Promise<string | undefined> {
  if (file === undefined) return undefined
  try {
    return Vault.parse(JSON.parse(await readFile(file, 'utf8')))[name]
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new TransferError('job/secret-missing', 'the vault file cannot be read', { file }, { cause })
  }
}

const missing = (ref: SecretRef) => new TransferError('job/secret-missing', `no value for the secret ${ref}`, { ref })
