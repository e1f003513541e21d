import { gzipSync } from 'node:zlib'
import { expect } from 'vitest'
import { dataxJob, fromOss, intoAdbpg, type TestStack, unique } from './stack.ts'

/** Jobs of the three kinds a run can be, each with what must be there when it has ended well. */
export interface Subject {
  readonly table: string
  readonly job: ReturnType<typeof dataxJob>
  expectDone(): Promise<void>
}

export const subjectRows = 2500
/** Room for the longest record is held by whoever reads; of the default, 16 MiB, V8 makes a reason to collect everything. */
const maxRecordBytes = 65_536
export const sound = {
  state: 'succeeded',
  rows: { read: subjectRows, loaded: subjectRows, dirty: 0, filtered: 0 },
  error: null,
}
const fill = (table: string) =>
  `insert into public.${table} select n, repeat('z', 20 + (n % 60)::integer) from generate_series(0, ${subjectRows - 1}) n`

async function expectWhole(stack: TestStack, table: string) {
  const [found] = await stack.sql(
    `select count(*)::integer as rows, count(distinct id)::integer as ids, max(id)::integer as high from public.${table}`,
  )
  expect(found).toEqual({ rows: subjectRows, ids: subjectRows, high: subjectRows - 1 })
}

const subjectCsv = () =>
  [...Array(subjectRows).keys()].map((n) => `${n},"note ""${n}""\n${'y'.repeat(n % 50)}"\n`).join('')

export async function objectImport(stack: TestStack, change: (csv: string) => string = (csv) => csv): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(change(subjectCsv())))
  const job = dataxJob(table, fromOss(`data/${table}.csv`, { maxRecordBytes }), intoAdbpg(`public.${table}`))
  return { table, job, expectDone: () => expectWhole(stack, table) }
}

/** A gzip stream: its chunks are loaded by the function that reads it, or staged where there is a cap. */
export async function packedImport(stack: TestStack, speed: object = { channel: 2 }): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.world.store.put(`data/${table}.csv.gz`, gzipSync(subjectCsv()))
  const reader = fromOss(`data/${table}.csv.gz`, { maxRecordBytes })
  const job = dataxJob(table, reader, intoAdbpg(`public.${table}`), { speed, errorLimit: { record: 0 } })
  const expectDone = async () => {
    await expectWhole(stack, table)
    const [found] = await stack.sql(`select count(*)::integer as chunks from adbpg_sync.chunk c
      join adbpg_sync.run r on r.run_id = c.run_id where r.job = '${table}'`)
    expect(found?.chunks).toBeGreaterThan(3)
  }
  return { table, job, expectDone }
}

export const cappedImport = (stack: TestStack) => packedImport(stack, { channel: 2, record: 100_000 })

/** Each slice is read into the table; one that stands alone is staged, for several to load. */
export async function tableImport(
  stack: TestStack,
  more: Record<string, unknown> = {},
  slices: 'several' | 'one' = 'several',
): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await stack.sql(`create table public.${table}_log (at timestamptz default clock_timestamp())`)
  await stack.sql(
    `create table public.${table} (id bigint ${slices === 'one' ? '' : 'primary key'}, note text)`,
    stack.source,
  )
  await stack.sql(fill(table), stack.source)
  const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'], maxRecordBytes }
  const postSql = [`insert into public.${table}_log default values`]
  const writer = intoAdbpg(`public.${table}`, { preSql: postSql, postSql, ...more })
  const job = dataxJob(table, { name: 'postgresqlreader', parameter }, writer)
  const expectDone = async () => {
    await expectWhole(stack, table)
    // Once before and once after.
    expect(await stack.sql(`select count(*)::integer as n from public.${table}_log`)).toEqual([{ n: 2 }])
  }
  return { table, job, expectDone }
}

export const stagedImport = (stack: TestStack) => tableImport(stack, {}, 'one')
export const atomicImport = (stack: TestStack) => tableImport(stack, { atomic: true })

export async function tableExport(stack: TestStack): Promise<Subject> {
  const table = unique('twice')
  await stack.sql(`create table public.${table} (id bigint primary key, note text)`)
  await stack.sql(fill(table))
  const parameter = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
  const object = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
  const job = dataxJob(table, { name: 'adbpgreader', parameter }, { name: 'osswriter', parameter: object })
  const expectDone = async () => {
    let records = 0
    for await (const { key } of stack.world.store.list(`out/${table}/`)) {
      const found = await stack.world.store.read(key, 10_000_000)
      records += (found?.body.toString('utf8').split('\n').length ?? 0) - 1
    }
    expect(records).toBe(subjectRows)
  }
  return { table, job, expectDone }
}
