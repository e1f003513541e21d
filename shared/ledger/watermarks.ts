import * as z from 'zod'
import { JobName, RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { json } from './rows.ts'
import { statements } from './statements.ts'

const MarkRow = z
  .object({
    sequence: z.number().int(),
    source: z.string(),
    value: z.string().nullable(),
    run_id: RunId.nullable(),
    at: z.date(),
  })
  .transform(({ run_id, ...row }) => ({ ...row, runId: run_id }))

/** Up to where a job has read. `value` null: begin from the start. `runId` null: somebody has set it. */
export type Mark = z.infer<typeof MarkRow>

/** The mark that counts. null: no run has left one. */
export async function readMark(sql: Sql, job: JobName): Promise<Mark | null> {
  const { rows } = await sql.query(statements['read-watermark'], [job])
  return rows[0] === undefined ? null : MarkRow.parse(rows[0])
}

/** The last first. */
export async function listMarks(sql: Sql, job: JobName, limit: number): Promise<Mark[]> {
  const { rows } = await sql.query(statements['list-watermarks'], [job, limit])
  return rows.map((row) => MarkRow.parse(row))
}

/** Inside a transaction. @throws 23505 when the mark has moved on meanwhile */
export async function insertMark(sql: Sql, job: JobName, mark: Mark): Promise<void> {
  const { sequence, source, value, runId, at } = mark
  await sql.query(statements['insert-watermark'], [job, sequence, source, value, runId, at])
}

const ClaimRow = z
  .object({
    job: JobName,
    sequence: z.number().int(),
    attempt: z.number().int(),
    source: z.string(),
    run_id: RunId.nullable(),
    generation: z.number().int(),
    increment: json(
      z.object({
        column: z.string(),
        type: z.string(),
        low: z.string().nullable(),
        lowIncluded: z.boolean(),
        high: z.string().nullable(),
      }),
    ).nullable(),
  })
  .transform(({ run_id, ...row }) => ({ ...row, runId: run_id }))

/** Who reads on from mark number `sequence`, and which rows. `runId` and `increment` null: a mark is set by hand. */
export type Claim = z.infer<typeof ClaimRow>

export async function readLastClaim(sql: Sql, job: JobName): Promise<Claim | null> {
  const { rows } = await sql.query(statements['read-last-claim'], [job])
  return rows[0] === undefined ? null : ClaimRow.parse(rows[0])
}

/** The newest of a run, which makes one per generation. null: it does not read by a mark, or was not planned. */
export async function readClaimOfRun(sql: Sql, runId: RunId): Promise<Claim | null> {
  const { rows } = await sql.query(statements['read-claim-of-run'], [runId])
  return rows[0] === undefined ? null : ClaimRow.parse(rows[0])
}

/** Runs that have read, or began to read, on from one mark. */
export async function listClaimants(sql: Sql, job: JobName, sequence: number): Promise<RunId[]> {
  const { rows } = await sql.query<{ run_id: RunId }>(statements['list-claimants'], [job, sequence])
  return rows.map((row) => row.run_id)
}

/** Inside the transaction that begins the reading. @throws 23505 when another run was faster */
export async function insertWatermarkClaim(sql: Sql, claim: Claim, now: Date): Promise<void> {
  const { job, sequence, attempt, source, runId, generation, increment } = claim
  const text = increment === null ? null : JSON.stringify(increment)
  await sql.query(statements['insert-watermark-claim'], [job, sequence, attempt, source, runId, generation, text, now])
}
