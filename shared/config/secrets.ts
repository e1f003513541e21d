import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TransferError } from '../errors/index.ts'
import type { SecretRef, Secrets } from '../ports/index.ts'
import { unseal } from '../vault/seal.ts'
import { type KeyPlace, readVaultKey } from '../vault/vault-key.ts'

export interface SecretPlaces {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** null: this machine has none. */
  readonly vault: (KeyPlace & { readonly dir: string }) | null
  /** The value of a secret of KMS; undefined when there is none of the name. */
  readonly readKms: (name: string) => Promise<string | undefined>
}

/**
 * `env:NAME` reads the environment, `vault:NAME` a sealed file of the vault's folder, of which the CLI may just have written
 * one, and `kms:NAME` Secrets Manager, once for all the sessions that an invocation opens.
 */
export function openSecrets(places: SecretPlaces): Secrets {
  const asked = new Map<string, Promise<string | undefined>>()
  const fromKms = (name: string) => {
    const answer = asked.get(name) ?? places.readKms(name)
    asked.set(name, answer)
    return answer
  }
  const read = async (place: string, name: string) => {
    if (place === 'env') return variableOf(places.environment, name)
    if (place === 'vault') return await fromVault(places.vault, name)
    const [secret = '', member] = name.split('#')
    const value = await fromKms(secret)
    return value === undefined || member === undefined ? value : memberOf(value, name, member)
  }
  return {
    async resolve(ref: SecretRef): Promise<string> {
      const value = await read(ref.slice(0, ref.indexOf(':')), ref.slice(ref.indexOf(':') + 1))
      if (value === undefined || value === '') throw missing(ref)
      return value
    },
  }
}

const variableOf = (environment: Readonly<Record<string, string | undefined>>, name: string) =>
  Object.hasOwn(environment, name) ? environment[name] : undefined

/** A name is one of ours, or of nothing: it must not lead to any other file. */
const vaultName = /^\w{1,200}$/

async function fromVault(vault: SecretPlaces['vault'], name: string): Promise<string | undefined> {
  if (vault === null || !vaultName.test(name)) return undefined
  const sealed = await readEntry(vault.dir, name)
  if (sealed === undefined) return undefined
  const secret = unseal(sealed, name, await readVaultKey(vault))
  if (secret !== null) return secret
  const message = `the vault entry ${name} does not open with the key of this machine: another key has sealed it, or it was changed`
  throw new TransferError('job/secret-missing', message, { name })
}

async function readEntry(dir: string, name: string): Promise<Buffer | undefined> {
  try {
    return await readFile(join(dir, name))
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw new TransferError('job/secret-missing', 'the vault cannot be read', { dir }, { cause })
  }
}

/** Managed secrets of KMS are JSON objects. The message must not quote them. */
function memberOf(text: string, name: string, member: string): string | undefined {
  const object = parsedOrNull(text)
  if (typeof object !== 'object' || object === null)
    throw new TransferError('job/secret-missing', `the secret kms:${name} is no JSON object, so it has no members`, {
      name,
    })
  const value: unknown = Object.hasOwn(object, member) ? Reflect.get(object, member) : undefined
  return typeof value === 'string' ? value : undefined
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const missing = (ref: SecretRef) => new TransferError('job/secret-missing', `no value for the secret ${ref}`, { ref })
