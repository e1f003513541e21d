import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { isSecretName } from '../job/fault.ts'
import type { JobDocument } from '../job/index.ts'

/**
 * DataX scripts hold their passwords as they are. On one machine, a literal secret moves into the vault file of the
 * local stack, which only its owner may read, and the job carries the reference. On the cloud nothing is moved: the
 * parser refuses the literal and says how to write a reference.
 */
export async function hoistSecrets(document: JobDocument, vaultFile: string | null): Promise<JobDocument> {
  if (vaultFile === null) return document
  const found = new Map<string, string>()
  const script = replaced(document.script, document.name, found)
  if (found.size > 0) await addToVault(vaultFile, found)
  return { ...document, script }
}

function replaced(value: unknown, place: string, found: Map<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item, index) => replaced(item, `${place}_${index}`, found))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([name, item]) => [name, replacedMember(name, item, `${place}_${name}`, found)] as const,
  )
  return Object.fromEntries(entries)
}

function replacedMember(name: string, item: unknown, place: string, found: Map<string, string>): unknown {
  const literal =
    typeof item === 'string' && item !== '' && isSecretName(name) && !/^(env|vault):|^\$\{\w+\}$/.test(item)
  if (!literal) return replaced(item, place, found)
  // The value is part of the name, so that a changed password does not meet a run that is still under way.
  const digest = createHash('sha256').update(item).digest('hex').slice(0, 8)
  const key = `${place.replaceAll(/\W/g, '_')}_${digest}`
  found.set(key, item)
  return `vault:${key}`
}

async function addToVault(file: string, entries: ReadonlyMap<string, string>): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}'
    throw error
  })
  const vault = { ...(JSON.parse(text) as Record<string, string>), ...Object.fromEntries(entries) }
  await writeFile(file, JSON.stringify(vault, null, 2), { mode: 0o600 })
}
