import type { RunId } from '../../shared/job/index.ts'
import type { Sql } from '../../shared/ports/index.ts'

export interface FilledRun {
  readonly runId: RunId
  readonly chunks: number
  /** Of these, from the first on. */
  readonly done: number
  /** As many slices, done as far as the chunks are; false: loaders read the source. */
  readonly staged: boolean
}

const source = {
  from: 'source',
  slice: {
    key: 'warehouse/orders/2026-11-25/part-000000.csv',
    etag: '9B2CF535F27731C974343645A3985328',
    size: 67_108_864,
    start: 0,
    end: 67_108_864,
    firstRecord: 1,
    records: 2,
    newline: 10,
    fields: 2,
    index: 0,
  },
}

/** The rows that a run leaves behind when it has come so far, in a few statements instead of one by one. */
export async function fillLedger(sql: Sql, { runId, chunks, done, staged }: FilledRun): Promise<void> {
  const all = `generate_series(0, ${chunks - 1}) n`
  const some = `generate_series(0, ${done - 1}) n`
  const text = JSON.stringify(source)
  await sql.query(`insert into adbpg_sync.chunk select $1, n, 0, n, $2, 2, 67108864 from ${all}`, [runId, text])
  await sql.query(`insert into adbpg_sync.chunk_claim select $1, n, 0 from ${some}`, [runId])
  await sql.query(
    `insert into adbpg_sync.chunk_done select $1, n, 0, 2, 2, 0, 0, 67108864, null, false, now() from ${some}`,
    [runId],
  )
  await sql.query(`insert into adbpg_sync.dispatch select $1, 0, 'load', 'c' || n || '-p0', 0, now() from ${some}`, [
    runId,
  ])
  if (!staged) return
  await sql.query(`insert into adbpg_sync.slice select $1, 0, n, $2 from ${all}`, [runId, text])
  await sql.query(`insert into adbpg_sync.slice_done select $1, 0, n, 2, 67108864, null, null, now() from ${some}`, [
    runId,
  ])
}
