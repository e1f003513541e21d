import { createHash, randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isSecretName } from '../job/fault.ts'

/** Where secrets stay on one machine: a folder of the local stack with a file each, which only its owner may read. */
export interface Vault {
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
  const found = new Map<string, string>()
  const kept = replaced(value, place, { vault, found }) as T
  if (found.size > 0) await addToVault(vault.dir, found)
  return kept
}

interface Search {
  readonly vault: Vault
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
  const digest = createHash('sha256').update(secret).digest('hex').slice(0, 8)
  const key = `${place.replaceAll(/\W/g, '_').slice(-maxPlaceLength)}_${digest}`
  search.found.set(key, secret)
  return `vault:${key}`
}

/** @returns undefined for what stays as it is: parameters, and references that the functions can follow themselves */
function secretOf(text: string, vault: Vault): string | undefined {
  if (text.startsWith('env:')) return vault.callerVariable(text.slice('env:'.length))
  return text === '' || /^vault:|^\$\{\w+\}$/.test(text) ? undefined : text
}

/** A file name has 255 bytes at most. */
const maxPlaceLength = 120

/**
 * A file per secret, each whole or not there: commands that run at once do not undo each other, and a function never reads
 * half of one. The name holds a digest of the value, so whoever writes it again writes the same.
 */
async function addToVault(dir: string, entries: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  for (const [name, secret] of entries) {
    const draft = join(dir, `${name}.${randomBytes(6).toString('hex')}`)
    await writeFile(draft, secret, { mode: 0o600 })
    await rename(draft, join(dir, name))
  }
}
