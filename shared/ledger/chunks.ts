import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { ChunkCounts, ChunkRow, type ChunkSource, ChunkTotals, NextStart, PlannedTotals } from './rows.ts'
import { statements } from './statements.ts'

/** `ordinal` counts the chunks of a run in the order in which they became known; `part` counts hand-overs of one chunk. */
export interface ChunkId {
  readonly runId: RunId
  readonly ordinal: number
  readonly part: number
}

export interface NewChunk {
  readonly ordinal: number
  readonly part: number
  readonly slice: number
  readonly source: ChunkSource
  /** null: not counted yet. */
  readonly records: number | null
  readonly bytes: number
}

export async function nextOrdinal(sql: Sql, runId: RunId): Promise<number> {
  const { rows } = await sql.query<{ ordinal: number }>(statements['next-ordinal'], [runId])
  return rows[0]?.ordinal ?? 0
}

/** Looks at all chunks of the run: for the rare repeat of a sealed slice. */
export async function listOrdinalsOfSlice(sql: Sql, runId: RunId, slice: number): Promise<number[]> {
  const { rows } = await sql.query<{ ordinal: number }>(statements['list-ordinals-of-slice'], [runId, slice])
  return rows.map((row) => row.ordinal)
}

/** Of those that are known of a slice, what is not in the table. */
export async function listOpenChunksOfSlice(
  sql: Sql,
  runId: RunId,
  slice: number,
): Promise<{ ordinal: number; part: number }[]> {
  const values = [runId, slice]
  const { rows } = await sql.query<{ ordinal: number; part: number }>(statements['list-open-chunks-of-slice'], values)
  return rows
}

/** Rows of one statement: its values are held three times over, as arrays, as text and in the socket. */
export const rowsPerInsert = 5000

/** Inside the transaction that seals their slice or plan. */
export async function insertChunks(sql: Sql, runId: RunId, chunks: readonly NewChunk[]): Promise<void> {
  for (let at = 0; at < chunks.length; at += rowsPerInsert) {
    const some = chunks.slice(at, at + rowsPerInsert)
    await sql.query(statements['insert-chunks'], [
      runId,
      some.map((chunk) => chunk.ordinal),
      some.map((chunk) => chunk.part),
      some.map((chunk) => chunk.slice),
      some.map((chunk) => JSON.stringify(chunk.source)),
      some.map((chunk) => chunk.records),
      some.map((chunk) => chunk.bytes),
    ])
  }
}

export async function readChunk(sql: Sql, id: ChunkId): Promise<ChunkRow | null> {
  const { rows } = await sql.query(statements['read-chunk'], [id.runId, id.ordinal, id.part])
  return rows[0] === undefined ? null : ChunkRow.parse(rows[0])
}

export type ChunkProgress = 'unknown' | 'open' | 'done'

/** A chunk is done when its last part is: a part that was handed over leaves the rest to the next part. */
export async function readProgress(sql: Sql, runId: RunId, ordinal: number): Promise<ChunkProgress> {
  const { rows } = await sql.query<{ done: boolean; handed_over: boolean }>(statements['list-parts'], [runId, ordinal])
  const last = rows[0]
  if (last === undefined) return 'unknown'
  return last.done && !last.handed_over ? 'done' : 'open'
}

/** First statement of a load: a second delivery of the chunk waits here until the first has ended. */
export async function insertClaim(sql: Sql, id: ChunkId): Promise<void> {
  await sql.query(statements['insert-claim'], [id.runId, id.ordinal, id.part])
}

export async function insertChunkDone(sql: Sql, id: ChunkId, counts: ChunkCounts, now: Date): Promise<void> {
  const { read, loaded, dirty, filtered, bytes, dirtyObject, handedOver } = counts
  const values = [id.runId, id.ordinal, id.part, read, loaded, dirty, filtered, bytes, dirtyObject, handedOver, now]
  const next = [counts.next?.offset ?? null, counts.next?.firstRecord ?? null]
  await sql.query(statements['insert-chunk-done'], [...values, ...next])
}

/** Where the chunk behind this one begins in its file; null while nobody knows, or where chunks begin where they say. */
export async function readNextStart(sql: Sql, runId: RunId, ordinal: number): Promise<ChunkCounts['next']> {
  const { rows } = await sql.query(statements['read-next-start'], [runId, ordinal])
  return rows[0] === undefined ? null : NextStart.parse(rows[0])
}

/** Inside the transaction that inserts its counts. @param dirty records by the number of their slice in the chunk */
export async function insertPartDirty(sql: Sql, id: ChunkId, dirty: ReadonlyMap<number, number>): Promise<void> {
  if (dirty.size === 0) return
  const values = [id.runId, id.ordinal, id.part, [...dirty.keys()], [...dirty.values()]]
  await sql.query(statements['insert-part-dirty'], values)
}

export async function readChunkDone(sql: Sql, id: ChunkId): Promise<ChunkCounts | null> {
  const { rows } = await sql.query(statements['read-chunk-done'], [id.runId, id.ordinal, id.part])
  return rows[0] === undefined ? null : ChunkCounts.parse(rows[0])
}

export async function countChunks(sql: Sql, runId: RunId) {
  const { rows } = await sql.query(statements['count-chunks'], [runId])
  return PlannedTotals.parse(rows[0])
}

export async function countChunksDone(sql: Sql, runId: RunId) {
  const { rows } = await sql.query(statements['count-chunks-done'], [runId])
  return ChunkTotals.parse(rows[0])
}

/** Numbers of chunks or of slices. */
export interface PieceRange {
  readonly from: number
  /** Not included. */
  readonly to: number
}

export async function listOpenChunks(
  sql: Sql,
  runId: RunId,
  { from, to }: PieceRange,
  limit: number,
): Promise<{ ordinal: number; part: number }[]> {
  const values = [runId, from, to, limit]
  const { rows } = await sql.query<{ ordinal: number; part: number }>(statements['list-open-chunks'], values)
  return rows
}
