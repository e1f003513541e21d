import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TransferError } from '../errors/index.ts'
import type { SecretRef, Secrets } from '../ports/index.ts'

/** `env:NAME` reads the environment; `vault:NAME` a file of the vault's folder, of which the CLI may just have written one. */
export function openSecrets(
  environment: Readonly<Record<string, string | undefined>>,
  vaultDir: string | undefined,
): Secrets {
  return {
    async resolve(ref: SecretRef): Promise<string> {
      const [place, name] = [ref.slice(0, ref.indexOf(':')), ref.slice(ref.indexOf(':') + 1)]
      const value = place === 'env' ? variableOf(environment, name) : await fromVault(vaultDir, name)
      if (value === undefined || value === '') throw missing(ref)
      return value
    },
  }
}

const variableOf = (environment: Readonly<Record<string, string | undefined>>, name: string) =>
  Object.hasOwn(environment, name) ? environment[name] : undefined

/** A name is one of ours, or of nothing: it must not lead to any other file. */
const vaultName = /^\w{1,200}$/

async function fromVault(dir: string | undefined, name: string): Promise<string | undefined> {
  if (dir === undefined || !vaultName.test(name)) return undefined
  try {
    return await readFile(join(dir, name), 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new TransferError('job/secret-missing', 'the vault cannot be read', { dir }, { cause })
  }
}

const missing = (ref: SecretRef) => new TransferError('job/secret-missing', `no value for the secret ${ref}`, { ref })
