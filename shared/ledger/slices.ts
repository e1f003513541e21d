import type * as z from 'zod'
import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { type PieceRange, rowsPerInsert } from './chunks.ts'
import { type Decisions, PlanRow, SliceProgress, SliceRow, SliceTotals, UploadRow } from './rows.ts'
import { statements } from './statements.ts'

export interface NewPlan {
  readonly runId: RunId
  /** Counts up when an export starts over because its snapshot was lost; 0 otherwise. */
  readonly epoch: number
  readonly slices: readonly Readonly<Record<string, string | number | boolean | null>>[]
  readonly staged: boolean
  /** The slices hang on a snapshot that the planner's session keeps open. */
  readonly held: boolean
  readonly decisions: readonly z.infer<typeof Decisions>[number][]
  readonly capabilities: unknown
  readonly plannedAt: Date
}

/** Inside a transaction, together with what was planned. */
export async function insertPlan(sql: Sql, plan: NewPlan): Promise<void> {
  const { runId, epoch, slices, staged, held, decisions, capabilities, plannedAt } = plan
  const facts = [JSON.stringify(decisions), JSON.stringify(capabilities), plannedAt]
  await sql.query(statements['insert-plan'], [runId, epoch, slices.length, staged, held, ...facts])
  if (staged) await insertSlices(sql, { runId, epoch }, 0, slices)
}

/** @returns their numbers, counted up from `first` */
async function insertSlices(
  sql: Sql,
  { runId, epoch }: { runId: RunId; epoch: number },
  first: number,
  slices: NewPlan['slices'],
): Promise<number[]> {
  const numbers = slices.map((_, index) => first + index)
  for (let at = 0; at < slices.length; at += rowsPerInsert) {
    const descriptors = slices.slice(at, at + rowsPerInsert).map((slice) => JSON.stringify(slice))
    await sql.query(statements['insert-slices'], [runId, epoch, numbers.slice(at, at + rowsPerInsert), descriptors])
  }
  return numbers
}

/** Inside the transaction that seals a slice as cut into these. @returns their numbers, behind those there are */
export async function insertSmallerSlices(
  sql: Sql,
  at: { runId: RunId; epoch: number },
  slices: NewPlan['slices'],
): Promise<number[]> {
  const plan = await readPlan(sql, at.runId)
  return await insertSlices(sql, at, plan?.slices ?? 0, slices)
}

/** The newest epoch's plan; `slices` counts those that others were cut into as well. */
export async function readPlan(sql: Sql, runId: RunId): Promise<PlanRow | null> {
  const { rows } = await sql.query(statements['read-plan'], [runId])
  return rows[0] === undefined ? null : PlanRow.parse(rows[0])
}

export async function readSlice(sql: Sql, runId: RunId, epoch: number, slice: number): Promise<SliceRow | null> {
  const { rows } = await sql.query(statements['read-slice'], [runId, epoch, slice])
  return rows[0] === undefined ? null : SliceRow.parse(rows[0])
}

export interface Seal {
  readonly runId: RunId
  readonly epoch: number
  readonly slice: number
  readonly records: number
  readonly bytes: number
  /** The prepared upload that `finish` completes; null when the slice became chunks. */
  readonly upload: { readonly key: string; readonly uploadId: string | null } | null
  readonly at: Date
}

/** The first of two attempts at a slice wins; the other gets 23505 and its transaction rolls back. */
export async function insertSliceDone(sql: Sql, seal: Seal): Promise<void> {
  const { runId, epoch, slice, records, bytes, upload, at } = seal
  const values = [runId, epoch, slice, records, bytes, upload?.key ?? null, upload?.uploadId ?? null, at]
  await sql.query(statements['insert-slice-done'], values)
}

/** How far the chunks of a slice go that become known one by one. */
export async function readSliceProgress(sql: Sql, at: SlicePlace): Promise<SliceProgress> {
  const { rows } = await sql.query(statements['read-slice-progress'], [at.runId, at.epoch, at.slice])
  return SliceProgress.parse(rows[0])
}

interface SlicePlace {
  readonly runId: RunId
  readonly epoch: number
  readonly slice: number
}

/** Inside the transaction that makes its chunk known; the other of two attempts at the same part gets 23505. */
export async function insertSlicePart(
  sql: Sql,
  at: SlicePlace,
  part: { part: number; ordinal: number; records: number; sourceBytes: number },
): Promise<void> {
  const values = [at.runId, at.epoch, at.slice, part.part, part.ordinal, part.records, part.sourceBytes]
  await sql.query(statements['insert-slice-part'], values)
}

/** Inside the transaction that seals the slice. */
export async function insertSliceDirty(
  sql: Sql,
  at: { runId: RunId; epoch: number; slice: number },
  dirty: { records: number; dirtyObject: string },
): Promise<void> {
  const values = [at.runId, at.epoch, at.slice, dirty.records, dirty.dirtyObject]
  await sql.query(statements['insert-slice-dirty'], values)
}

/** Inside the transaction that seals the slice. */
export async function insertSliceFiltered(
  sql: Sql,
  at: { runId: RunId; epoch: number; slice: number },
  records: number,
): Promise<void> {
  await sql.query(statements['insert-slice-filtered'], [at.runId, at.epoch, at.slice, records])
}

export async function listUploads(sql: Sql, runId: RunId, epoch: number) {
  const { rows } = await sql.query(statements['list-uploads'], [runId, epoch])
  return rows.map((row) => UploadRow.parse(row))
}

export async function countSlicesDone(sql: Sql, runId: RunId, epoch: number) {
  const { rows } = await sql.query(statements['count-slices-done'], [runId, epoch])
  return SliceTotals.parse(rows[0])
}

export async function listOpenSlices(
  sql: Sql,
  { runId, epoch }: { runId: RunId; epoch: number },
  { from, to }: PieceRange,
  limit: number,
): Promise<number[]> {
  const { rows } = await sql.query<{ slice: number }>(statements['list-open-slices'], [runId, epoch, from, to, limit])
  return rows.map((row) => row.slice)
}
