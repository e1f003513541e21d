import * as z from 'zod'
import type { ErrorReport } from '../errors/index.ts'
import { JobName, RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { insertOnce, isDuplicate } from './insert-once.ts'
import { ChunkSource, Count, ErrorReportRow, json, type SliceDescriptor } from './rows.ts'
import { statements } from './statements.ts'

const ArrivalRow = z
  .object({
    arrival_id: RunId,
    job: JobName,
    bucket: z.string(),
    object_key: z.string(),
    etag: z.string(),
    size: Count,
    shape: z.string().nullable(),
    arrived_at: z.date(),
  })
  .transform(({ arrival_id, object_key, arrived_at, ...row }) => ({
    ...row,
    arrivalId: arrival_id,
    key: object_key,
    arrivedAt: arrived_at,
  }))

/** A version of an object that a trigger told a job of. `shape` null: it shares a run with no other. */
export type Arrival = z.infer<typeof ArrivalRow>

/** @returns false when it is known, or had a run of its own before there were arrivals, or its shape is not there yet */
export async function insertArrival(sql: Sql, arrival: Arrival): Promise<boolean> {
  const { arrivalId, job, bucket, key, etag, size, shape, arrivedAt } = arrival
  try {
    const values = [arrivalId, job, bucket, key, etag, size, shape, arrivedAt]
    return (await sql.query(statements['insert-arrival'], values)).rowCount > 0
  } catch (error) {
    if (isDuplicate(error)) return false
    throw error
  }
}

/** What may share a run has the same shape. `gathered`: JSON of what a run of them is made of. */
export function insertShape(sql: Sql, job: JobName, shape: string, gathered: string, now: Date): Promise<boolean> {
  return insertOnce(sql, statements['insert-arrival-shape'], [job, shape, gathered, now])
}

export async function readShape(sql: Sql, job: JobName, shape: string): Promise<string | null> {
  const { rows } = await sql.query<{ gathered: string }>(statements['read-arrival-shape'], [job, shape])
  return rows[0]?.gathered ?? null
}

/** Inside the transaction that inserts the run. @throws 23505 when another run has one of them */
export async function insertArrivalClaims(sql: Sql, runId: RunId, arrivals: readonly RunId[]): Promise<void> {
  await sql.query(statements['insert-arrival-claims'], [runId, arrivals])
}

/** The run that an arrival belongs to; null: it waits. */
export async function readArrivalClaim(sql: Sql, arrivalId: RunId): Promise<RunId | null> {
  const { rows } = await sql.query<{ run_id: RunId }>(statements['read-arrival-claim'], [arrivalId])
  return rows[0]?.run_id ?? null
}

const GatheringRow = z
  .object({ sequence: z.number().int(), run_id: RunId, objects: z.number().int(), at: z.date(), open: z.boolean() })
  .transform(({ run_id, ...row }) => ({ ...row, runId: run_id }))

/** A run that was begun with what had arrived. `open`: it has not ended. */
export type Gathering = z.infer<typeof GatheringRow>

/** The last run of a job that was begun with what had arrived. */
export async function readLastGathering(sql: Sql, job: JobName): Promise<Gathering | null> {
  const { rows } = await sql.query(statements['read-last-gathering'], [job])
  return rows[0] === undefined ? null : GatheringRow.parse(rows[0])
}

/** Inside the transaction that inserts the run. @throws 23505 when somebody else has just begun one */
export async function insertGathering(
  sql: Sql,
  gathering: Omit<Gathering, 'open'> & { readonly job: JobName },
): Promise<void> {
  const { job, sequence, runId, objects, at } = gathering
  await sql.query(statements['insert-gathering'], [job, sequence, runId, objects, at])
}

/** Arrivals that belong to no run, in the order in which they came. */
export async function listWaitingArrivals(sql: Sql, job: JobName, since: Date, limit: number): Promise<Arrival[]> {
  const { rows } = await sql.query(statements['list-waiting-arrivals'], [job, since, limit])
  return rows.map((row) => ArrivalRow.parse(row))
}

/** The last run of a job that was begun with what had arrived, as an arrival finds it. */
export interface Surroundings {
  readonly last: Gathering | null
  /** Another arrival waits that came no later, though not before `since`. False where there has been no run yet. */
  readonly isLed: boolean
}

/** One question for what each of ten thousand arrivals asks. */
export async function lookAround(sql: Sql, arrival: Arrival, since: Date): Promise<Surroundings> {
  const { job, arrivedAt, arrivalId } = arrival
  const { rows } = await sql.query<{ is_led: boolean }>(statements['look-around'], [job, since, arrivedAt, arrivalId])
  const [row] = rows
  return { last: row === undefined ? null : GatheringRow.parse(row), isLed: row?.is_led ?? false }
}

/** In the order in which they came. */
export async function listArrivalsOfRun(sql: Sql, runId: RunId): Promise<Arrival[]> {
  const { rows } = await sql.query(statements['list-arrivals-of-run'], [runId])
  return rows.map((row) => ArrivalRow.parse(row))
}

export async function listJobsOfArrivals(sql: Sql, since: Date): Promise<JobName[]> {
  const { rows } = await sql.query<{ job: JobName }>(statements['list-jobs-of-arrivals'], [since])
  return rows.map(({ job }) => job)
}

export interface SetAside {
  readonly arrivalId: RunId
  /** Of its run's plan; 0 when it was not planned. */
  readonly records: number
  readonly error: ErrorReport
}

/** Inside the transaction that goes on without them. */
export async function insertSetAside(sql: Sql, runId: RunId, those: readonly SetAside[], now: Date): Promise<void> {
  if (those.length === 0) return
  await sql.query(statements['insert-set-aside'], [
    runId,
    those.map(({ arrivalId }) => arrivalId),
    those.map(({ records }) => records),
    those.map(({ error }) => JSON.stringify(error)),
    now,
  ])
}

/** Those that were set aside and have no run yet. @param runId null: by whatever run */
export async function listSetAside(sql: Sql, runId: RunId | null, since: Date): Promise<Arrival[]> {
  const { rows } = await sql.query(statements['list-set-aside'], [runId, since])
  return rows.map((row) => ArrivalRow.parse(row))
}

export async function countSetAside(sql: Sql, runId: RunId): Promise<{ arrivals: number; records: number }> {
  const { rows } = await sql.query<{ arrivals: number; records: string }>(statements['count-set-aside'], [runId])
  return { arrivals: rows[0]?.arrivals ?? 0, records: Count.parse(rows[0]?.records ?? '0') }
}

const ArrivedObjectRow = z
  .object({
    job: JobName,
    etag: z.string(),
    size: Count,
    arrived_at: z.date(),
    run_id: RunId.nullable(),
    own_run_id: RunId.nullable(),
    error: json(ErrorReportRow).nullable(),
  })
  .transform((row) => ({
    job: row.job,
    etag: row.etag,
    size: row.size,
    arrivedAt: row.arrived_at,
    /** The run whose rows count; null: it waits for one. */
    runId: row.own_run_id ?? row.run_id,
    /** Why a run of several went on without it; null: none did. */
    setAside: row.error,
    /** It was set aside, and its own run is still to begin. */
    isBetweenRuns: row.error !== null && row.own_run_id === null,
  }))
export type ArrivedObject = z.infer<typeof ArrivedObjectRow>

/** What became of an object, the last to arrive first: a line for each version and job. */
export async function listArrivalsOfObject(sql: Sql, key: string, limit: number): Promise<ArrivedObject[]> {
  const { rows } = await sql.query(statements['list-arrivals-of-object'], [key, limit])
  return rows.map((row) => ArrivedObjectRow.parse(row))
}

export interface ObjectCounts {
  readonly read: number
  /** null where a merge or a transformation left records of the chunk out, which is counted for all of its objects together. */
  readonly loaded: number | null
  readonly dirty: number
}

const ChunkOfObject = z.object({
  source: json(ChunkSource),
  records_read: Count,
  records_dirty: Count,
  records_filtered: Count,
  dirty_parts: z.string(),
})

/** Of an object within a run of several. null: its rows are not in. */
export async function countObject(sql: Sql, runId: RunId, key: string, etag: string): Promise<ObjectCounts | null> {
  const { rows } = await sql.query(statements['list-chunks-of-object'], [runId, JSON.stringify(key)])
  let found: ObjectCounts | null = null
  for (const { source, ...chunk } of rows.map((row) => ChunkOfObject.parse(row))) {
    const isIt = ({ slice }: { readonly slice: SliceDescriptor }) => slice.key === key && slice.etag === etag
    const isCountedTogether = chunk.records_filtered > 0
    if (source.from === 'source' && isIt(source)) {
      const read: number = (found?.read ?? 0) + chunk.records_read
      const dirty: number = (found?.dirty ?? 0) + chunk.records_dirty
      found = { read, dirty, loaded: isCountedTogether ? null : read - dirty }
    }
    const part = source.from === 'slices' ? source.slices.findIndex(isIt) : -1
    // What is handed over stands in a later part of the chunk again.
    if (source.from !== 'slices' || part === -1) continue
    const read = source.slices[part]?.records ?? 0
    const dirty = Number(new RegExp(`(?:^|,)${part}:(\\d+)`).exec(chunk.dirty_parts)?.[1] ?? 0)
    found = { read, dirty, loaded: isCountedTogether ? null : read - dirty }
  }
  return found
}
