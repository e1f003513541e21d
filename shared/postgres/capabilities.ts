import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import type { Sql } from '../ports/index.ts'
import { createProbeTable, readDeadlockDetector, readVersion } from './capabilities.sql.ts'
import * as trials from './capability-trials.sql.ts'

/** What a server can do, as it was tried; kept with the run, so that every later step decides alike. */
export const Capabilities = z.object({
  server: z.object({
    product: z.enum(['postgresql', 'greenplum', 'cloudberry', 'adbpg']),
    /** Of the product: `6.24.3`; of the kernel for ADBPG and PostgreSQL. */
    version: z.string(),
    /** Of the kernel: 90426, 120022. */
    kernel: z.number().int(),
    adbpgVersion: z.string().nullable(),
  }),
  onConflict: z.boolean(),
  snapshotExport: z.boolean(),
  /** Primary segments; null for a server without. */
  segments: z.number().int().min(1).nullable(),
  /** `heap`, `ao_row`, `ao_column`, `beam` … as the server names them. */
  accessMethods: z.array(z.string()),
  /** Where it is off, UPDATE and DELETE lock the whole table; null for a server without segments. */
  globalDeadlockDetector: z.boolean().nullable(),
})
export type Capabilities = z.infer<typeof Capabilities>

/**
 * Finds out by trying, never from the version: products with one version differ (design §6). Leaves nothing behind, and
 * must not be called inside a transaction.
 * @throws what the session throws when it is broken or may not make a temporary table
 */
export async function probeCapabilities(sql: Sql): Promise<Capabilities> {
  const { rows } = await sql.query<{ version: string; number: number }>(readVersion)
  const [{ version, number } = { version: '', number: 0 }] = rows
  const snapshotExport = await exportsSnapshots(sql)
  return await rolledBack(sql, async () => {
    const adbpgVersion = await textOf(sql, trials.tryAdbpgVersion)
    const segments = await countSegments(sql)
    await sql.query(createProbeTable)
    return {
      server: { ...productOf(version, adbpgVersion), kernel: number, adbpgVersion },
      onConflict: await works(sql, () => sql.query(trials.tryOnConflict)),
      snapshotExport,
      segments,
      accessMethods: await listAccessMethods(sql),
      globalDeadlockDetector: await readDetector(sql),
    }
  })
}

class RollBack<T> extends Error {
  readonly value: T
  constructor(value: T) {
    super('rolled back on purpose')
    this.value = value
  }
}

async function rolledBack<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  try {
    return await sql.transaction(async () => {
      throw new RollBack(await work())
    })
  } catch (thrown) {
    if (thrown instanceof RollBack) return thrown.value
    throw thrown
  }
}

/** Connection, resources, intervention and system say nothing about what the server can do, nor does a read-only one. */
const troubles = /^(08|53|57|58|25006)/

function isRefusal(error: unknown): boolean {
  const state = error instanceof TransferError ? error.context.sqlstate : undefined
  return typeof state === 'string' && !troubles.test(state)
}

async function attempt<T>(sql: Sql, trial: () => Promise<T>): Promise<T | null> {
  try {
    return await sql.savepoint(trial)
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/** In a transaction of its own: a snapshot cannot be exported from inside a savepoint. */
async function exportsSnapshots(sql: Sql): Promise<boolean> {
  try {
    await rolledBack(sql, () => sql.query(trials.tryExportSnapshot))
    return true
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  }
}

const works = async (sql: Sql, trial: () => Promise<unknown>): Promise<boolean> =>
  (await attempt(sql, async () => ({ done: await trial() }))) !== null

async function textOf(sql: Sql, statement: string): Promise<string | null> {
  const result = await attempt(sql, () => sql.query<Record<string, unknown>>(statement))
  const value = Object.values(result?.rows[0] ?? {})[0]
  return typeof value === 'string' ? value : null
}

async function countSegments(sql: Sql): Promise<number | null> {
  for (const statement of [trials.trySegmentConfiguration, trials.tryDistributionSegments]) {
    const result = await attempt(sql, () => sql.query<{ segments: number | null }>(statement))
    const segments = result?.rows[0]?.segments ?? 0
    if (segments > 0) return segments
  }
  return null
}

async function listAccessMethods(sql: Sql): Promise<string[]> {
  const listed = await attempt(sql, () => sql.query<{ name: string }>(trials.tryAccessMethods))
  if (listed !== null) return listed.rows.map((row) => row.name)
  return (await works(sql, () => sql.query(trials.tryAppendOptimized))) ? ['heap', 'ao_row', 'ao_column'] : ['heap']
}

async function readDetector(sql: Sql): Promise<boolean | null> {
  const { rows } = await sql.query<{ setting: string }>(readDeadlockDetector)
  return rows[0] === undefined ? null : rows[0].setting === 'on'
}

const products = [
  { product: 'greenplum', pattern: /\((?:Greenplum|Greengage) Database (\d+(?:\.\d+)*)/ },
  { product: 'cloudberry', pattern: /\((?:Apache )?Cloudberry (?:Database )?(\d+(?:\.\d+)*)/ },
  { product: 'postgresql', pattern: /^PostgreSQL (\d+(?:\.\d+)*)/ },
] as const

/** The forms of `version()` are those collected in adbpg-and-peers.md A5. */
export function productOf(
  version: string,
  adbpgVersion: string | null,
): Pick<Capabilities['server'], 'product' | 'version'> {
  for (const { product, pattern } of products) {
    const found = pattern.exec(version)?.[1]
    if (found !== undefined) return { product: adbpgVersion === null ? product : 'adbpg', version: found }
  }
  return { product: adbpgVersion === null ? 'postgresql' : 'adbpg', version: 'unknown' }
}
