import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { isSecretName } from '../job/fault.ts'

/** Where secrets stay on one machine: a file of the local stack, which only its owner may read. */
export interface Vault {
  readonly file: string
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
  if (found.size > 0) await addToVault(vault.file, found)
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
  const key = `${place.replaceAll(/\W/g, '_')}_${digest}`
  search.found.set(key, secret)
  return `vault:${key}`
}

/** @returns undefined for what stays as it is: parameters, and references that the functions can follow themselves */
function secretOf(text: string, vault: Vault): string | undefined {
  if (text.startsWith('env:')) return vault.callerVariable(text.slice('env:'.length))
  return text === '' || /^vault:|^\$\{\w+\}$/.test(text) ? undefined : text
}

async function addToVault(file: string, entries: ReadonlyMap<string, string>): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  const vault = { ...(JSON.parse(text) as Record<string, string>), ...Object.fromEntries(entries) }
  await writeFile(file, JSON.stringify(vault, null, 2), { mode: 0o600 })
}
