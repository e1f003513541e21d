import * as z from 'zod'
import type { RunId } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { insertOnce } from './insert-once.ts'
import { Count } from './rows.ts'
import type { Place } from './runs.ts'
import { statements } from './statements.ts'

/** Outside of the transaction that the records belong to, or nobody sees it in time. */
export async function insertDirtySeen(sql: Sql, place: Place, records: number, now: Date): Promise<void> {
  const { runId, generation, piece } = place
  await insertOnce(sql, statements['insert-dirty-seen'], [runId, generation, piece, records, now])
}

/** Dirty records that all other pieces of the run have met so far, whether they have ended or not. */
export async function countDirtyElsewhere(
  sql: Sql,
  { runId, generation, piece }: Pick<Place, 'runId' | 'generation' | 'piece'>,
): Promise<number> {
  const { rows } = await sql.query<{ records: string }>(statements['count-dirty-elsewhere'], [runId, generation, piece])
  return Count.parse(rows[0]?.records ?? '0')
}

/** A piece of work whose dirty records are final: it is done, and what it could load is loaded. */
export const DirtyPiece = z
  .object({
    piece: z.string(),
    ordinal: z.number().int().nullable(),
    part: z.number().int().nullable(),
    dirty_object: z.string(),
  })
  .transform(({ piece, ordinal, part, dirty_object: prefix }) => ({
    piece,
    /** null: a slice, whose records were refused before there was a chunk. */
    chunk: ordinal === null || part === null ? null : { ordinal, part },
    prefix,
  }))
export type DirtyPiece = z.infer<typeof DirtyPiece>

export async function listDirtyPieces(sql: Sql, runId: RunId): Promise<DirtyPiece[]> {
  const { rows } = await sql.query(statements['list-dirty-pieces'], [runId])
  return rows.map((row) => DirtyPiece.parse(row))
}

type PieceId = Pick<Place, 'runId' | 'piece'>

/** In the transaction that loads them: a second replay of one of them fails on the key, and nothing of it stays. */
export async function insertReplayed(sql: Sql, { runId, piece }: PieceId, records: readonly number[], now: Date) {
  await sql.query(statements['insert-dirty-replayed'], [runId, piece, records, now])
}

export async function listReplayed(sql: Sql, { runId, piece }: PieceId): Promise<ReadonlySet<number>> {
  const { rows } = await sql.query<{ record: string }>(statements['list-dirty-replayed'], [runId, piece])
  return new Set(rows.map(({ record }) => Number(record)))
}

export async function countReplayed(sql: Sql, runId: RunId): Promise<number> {
  const { rows } = await sql.query<{ records: string }>(statements['count-dirty-replayed'], [runId])
  return Count.parse(rows[0]?.records ?? '0')
}
