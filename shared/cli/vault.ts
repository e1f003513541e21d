import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSecretName } from '../job/fault.ts'
import { fingerprint, keyBytes, seal } from '../vault/seal.ts'
import { type KeyPlace, readOrMakeVaultKey } from '../vault/vault-key.ts'

/**
 * Where secrets stay on one machine: a folder of the local stack with a sealed file each. The key lies elsewhere, so that a
 * copy of the stack's folder gives none of them away.
 */
export interface Vault extends KeyPlace {
  readonly dir: string
  /** The value of a variable that the caller has and the functions have not. */
  callerVariable(name: string): string | undefined
}

/**
 * DataX scripts hold their passwords as they are, and `env:NAME` means the environment of whoever types the command. On
 * one machine both move into the vault, and the job carries the reference. On the cloud (`null`) nothing is moved: a
 * literal is refused by the parser, and `env:NAME` is set at deployment.
 * @returns the value with references in the place of secrets
 */
export async function keepSecrets<T>(value: T, place: string, vault: Vault | null): Promise<T> {
  if (vault === null) return value
  // Looked at once without the key: a job without secrets needs none, and makes none.
  const looking: Search = { vault, key: Buffer.alloc(keyBytes), found: new Map() }
  replaced(value, place, looking)
  if (looking.found.size === 0) return value
  const search: Search = { vault, key: await readOrMakeVaultKey(vault), found: new Map() }
  const kept = replaced(value, place, search) as T
  await addToVault(search)
  return kept
}

/** Forgets those of the references that were kept for `place`: an entry of another place may be in use elsewhere. */
export async function forgetSecrets(references: readonly string[], place: string, vault: Vault | null): Promise<void> {
  const kept = references.filter((ref) => ref.startsWith(`vault:${place}_`) && /^vault:\w+$/.test(ref))
  const names = kept.map((ref) => ref.slice('vault:'.length))
  if (vault !== null) await Promise.all(names.map((name) => rm(join(vault.dir, name), { force: true })))
}

interface Search {
  readonly vault: Vault
  readonly key: Buffer
  /** By the name of the entry. */
  readonly found: Map<string, string>
}

function replaced(value: unknown, place: string, search: Search): unknown {
  if (Array.isArray(value)) return value.map((item, index) => replaced(item, `${place}_${index}`, search))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([name, item]) => [name, replacedMember(name, item, `${place}_${name}`, search)] as const,
  )
  return Object.fromEntries(entries)
}

function replacedMember(name: string, item: unknown, place: string, search: Search): unknown {
  const secret = typeof item === 'string' && isSecretName(name) ? secretOf(item, search.vault) : undefined
  if (secret === undefined) return replaced(item, place, search)
  // The value is part of the name, so that a changed password does not meet a run that is still under way.
  const entry = `${place.replaceAll(/\W/g, '_').slice(-maxPlaceLength)}_${fingerprint(secret, search.key)}`
  search.found.set(entry, secret)
  return `vault:${entry}`
}

/** @returns undefined for what stays as it is: parameters, and references that the functions can follow themselves */
function secretOf(text: string, vault: Vault): string | undefined {
  if (text.startsWith('env:')) return vault.callerVariable(text.slice('env:'.length))
  return text === '' || /^(kms|vault):|^\$\{\w+\}$/.test(text) ? undefined : text
}

/** A file name has 255 bytes at most. */
const maxPlaceLength = 120

/**
 * A file per secret, each whole or not there: commands that run at once do not undo each other, and a function never reads
 * half of one. The name holds a fingerprint of the value, so whoever writes it again writes the same.
 */
async function addToVault({ vault: { dir }, key, found }: Search): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const [name, secret] of found) {
    const draft = join(dir, `${name}.${randomBytes(6).toString('hex')}`)
    await writeFile(draft, seal(secret, name, key), { mode: 0o600 })
    await rename(draft, join(dir, name))
  }
}
