import { gunzipSync, gzipSync } from 'node:zlib'
import iconv from 'iconv-lite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'
import { zipOf } from '../support/zip.ts'

/** Compressed and encoded objects through the whole product: one stack for all. */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack.close())

const rowCount = 5000
const noteOf = (n: number) => `note "${n}"\nof ${'y'.repeat(n % 40)} – ü`
const rows = [...Array(rowCount).keys()].map((n) => `${n},"${noteOf(n).replaceAll('"', '""')}"`)
const csv = (some: readonly string[]) => `${some.join('\n')}\n`
const header = 'id,note\n'

async function tableFor(put: (table: string) => Promise<unknown>): Promise<string> {
  const table = unique('packed')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  await put(table)
  return table
}

const contents = async (table: string) =>
  (
    await stack.sql(
      `select count(*)::integer as rows, count(distinct id)::integer as ids, md5(string_agg(note, '|' order by id)) as notes from public.${table}`,
    )
  )[0]
const whole = async () => {
  const [row] = await stack.sql(
    `select ${rowCount} as rows, ${rowCount} as ids, md5('${[...Array(rowCount).keys()].map(noteOf).join('|').replaceAll("'", "''")}') as notes`,
  )
  return row
}
const put = (key: string, bytes: Buffer | string) => stack.world.store.put(key, Buffer.from(bytes))
const load = (table: string, object: string, options = {}, setting = {}) =>
  stack.run({ job: { ...dataxJob(table, fromOss(object, options), intoAdbpg(`public.${table}`)), ...setting } })

describe('one compressed file, with a header, is loaded whole in many chunks', () => {
  const third = Math.floor(rowCount / 3)
  const members = [csv(rows.slice(0, third)).slice(0, -5), csv(rows.slice(0, third)).slice(-5), csv(rows.slice(third))]
  it.each([
    ['.csv.gz', {}, () => gzipSync(header + csv(rows))],
    ['.gz', {}, () => Buffer.concat([gzipSync(header), ...members.map((part) => gzipSync(part))])],
    ['.packed', { compress: 'gzip' }, () => gzipSync(header + csv(rows))],
    ['.csv', { encoding: 'UTF-16' }, () => iconv.encode(`\uFEFF${header}${csv(rows)}`, 'utf-16be', { addBOM: false })],
    ['.csv.gz', { encoding: 'utf-16le' }, () => gzipSync(iconv.encode(header + csv(rows), 'utf-16le'))],
  ])('%s %o', async (suffix, options, bytes) => {
    const table = await tableFor((name) => put(`data/${name}${suffix}`, bytes()))
    const report = await load(table, `data/${table}${suffix}`, { skipHeader: true, ...options })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount, dirty: 0 } })
    expect(report.chunks).toBeGreaterThan(3)
    expect(await contents(table)).toEqual(await whole())
  })
})

it('of a gzip file nothing is staged, unless its bytes are held to a cap', async () => {
  const table = await tableFor((name) => put(`data/${name}.csv.gz`, gzipSync(header + csv(rows))))
  const stagedBy = async (speed: Record<string, number>) => {
    const source = fromOss(`data/${table}.csv.gz`, { skipHeader: true })
    const job = dataxJob(table, source, intoAdbpg(`public.${table}`), { speed, errorLimit: { record: 0 } })
    const report = await stack.run({ job })
    expect(report).toMatchObject({ state: 'succeeded', rows: { loaded: rowCount } })
    const sources = await stack.sql<{ from: string }>(
      `select distinct source::json ->> 'from' as from from adbpg_sync.chunk where run_id = '${report.runId}'`,
    )
    return sources.map((one) => one.from)
  }
  expect(await stagedBy({ channel: 2 })).toEqual(['source'])
  expect(await stagedBy({ channel: 2, byte: 50_000_000 })).toEqual(['stage'])
})

it('files that are plain, gzip and zip are one source: each has a header, and its own order of columns', async () => {
  const swapped = (some: readonly string[]) => csv(some.map((row) => row.replace(/^(\d+),(.*)$/s, '$2,$1')))
  const table = await tableFor(async (name) => {
    await put(`data/${name}/a.csv`, header + csv(rows.slice(0, 1000)))
    await put(`data/${name}/b.csv.gz`, gzipSync(`note,id\n${swapped(rows.slice(1000, 2000))}`))
    const files = {
      'one.csv': header + csv(rows.slice(2000, 4000)),
      'two.csv': `note,id\n${swapped(rows.slice(4000))}`,
      '.DS_Store': 'x',
    }
    await put(`data/${name}/c.zip`, zipOf(files))
    await put(`data/${name}/d.csv.gz`, gzipSync(header))
  })
  const report = await load(table, `data/${table}/*`, { skipHeader: true }, { mapping: 'byName' })
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount } })
  expect(await contents(table)).toEqual(await whole())
})

it('a bad record is told by its number and place in the inflated file', async () => {
  const lines = [...rows]
  lines[4321] = 'x,bad'
  const table = await tableFor((name) => put(`data/${name}.csv.gz`, gzipSync(header + csv(lines))))
  const job = dataxJob(table, fromOss(`data/${table}.csv.gz`, { skipHeader: true }), intoAdbpg(`public.${table}`), {
    errorLimit: { record: 5 },
  })
  const report = await stack.run({ job })
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount - 1, dirty: 1 } })
  const [dirty] = await dirtyOf(stack, report)
  const offset = Buffer.byteLength(header + csv(lines.slice(0, 4321)))
  expect(dirty).toMatchObject({ record: 4322, offset, raw: 'x,bad' })
  expect(dirty?.source).toMatch(/\.csv\.gz \(inflated\)$/)
})

it.each([
  ['larger than a chunk', 200_000, 80_000],
  ['in a chunk with others', 3_000, 2_000],
])(
  'a record that is too large, %s, is dirty in its place, and those around it are loaded',
  async (_what, bytes, maxRecordBytes) => {
    const lines = [...rows]
    lines[700] = `700,"${'x\n'.repeat(bytes / 2)}"`
    const table = await tableFor((name) => put(`data/${name}.csv.gz`, gzipSync(csv(lines))))
    const job = dataxJob(table, fromOss(`data/${table}.csv.gz`, { maxRecordBytes }), intoAdbpg(`public.${table}`), {
      errorLimit: { record: 5 },
    })
    const report = await stack.run({ job })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount - 1, dirty: 1 } })
    const [dirty] = await dirtyOf(stack, report)
    expect(dirty).toMatchObject({
      record: 701,
      offset: Buffer.byteLength(csv(lines.slice(0, 700))),
      code: 'record/too-large',
    })
  },
)

it('fields are picked and transformed as of a plain file', async () => {
  const table = await tableFor((name) => put(`data/${name}.csv.gz`, gzipSync(csv(rows.map((row) => `skip,${row}`)))))
  const column = [{ index: 1 }, { value: 'made' }]
  expect(await load(table, `data/${table}.csv.gz`, { column })).toMatchObject({ state: 'succeeded' })
  expect(await stack.sql(`select count(*)::integer as rows, min(note) as note from public.${table}`)).toEqual([
    { rows: rowCount, note: 'made' },
  ])
})

describe('a run ends with the reason', () => {
  it.each([
    ['is cut short', '.gz', {}, () => gzipSync(csv(rows)).subarray(0, 20_000), 'source/corrupt'],
    ['is no gzip', '.csv', { compress: 'gzip' }, () => Buffer.from(csv(rows)), 'source/corrupt'],
    ['leaves a quote open', '.gz', {}, () => gzipSync(`${csv(rows)}"x\n`), 'source/unclosed-quote'],
    [
      'is no UTF-16',
      '.csv',
      { encoding: 'utf-16le' },
      () => Buffer.from([0x41, 0, 0, 0xdc, 0x41, 0]),
      'source/undecodable',
    ],
  ])('when the file %s', async (_, suffix, options, bytes, code) => {
    const table = await tableFor((name) => put(`data/${name}${suffix}`, bytes()))
    const report = await load(table, `data/${table}${suffix}`, options)
    expect(report).toMatchObject({ state: 'failed', error: { code } })
    expect(report.error?.message).toContain(`data/${table}${suffix}`)
  })

  it('when an entry of a zip is encrypted', async () => {
    const table = await tableFor(async (name) =>
      put(`data/${name}.zip`, zipOf({ 'a.csv': csv(rows) }, { encrypted: true })),
    )
    const report = await load(table, `data/${table}.zip`)
    expect(report).toMatchObject({ state: 'failed', error: { code: 'job/unsupported' } })
    expect(report.error?.message).toContain('a.csv is encrypted')
  })
})

describe('an export', () => {
  const exported = async (table: string, parameter: Record<string, unknown>) => {
    const reader = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'] }
    const writer = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate', ...parameter }
    const job = dataxJob(
      unique('export'),
      { name: 'adbpgreader', parameter: reader },
      { name: 'osswriter', parameter: writer },
    )
    const report = await stack.run({ job })
    const objects: { key: string; body: Buffer }[] = []
    for await (const { key } of stack.world.store.list(`out/${table}/`))
      objects.push({ key, body: (await stack.world.store.read(key, 2 ** 26))?.body ?? Buffer.alloc(0) })
    return { report, objects }
  }

  it('to gzip in another charset is read again by the reader, row by row', async () => {
    const table = await tableFor((name) => put(`data/${name}.csv`, csv(rows.map((row) => row.replaceAll('–', '中')))))
    expect(await load(table, `data/${table}.csv`)).toMatchObject({ state: 'succeeded' })
    const { report, objects } = await exported(table, { compress: 'gzip', encoding: 'GB18030', writeHeader: true })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rowCount, loaded: rowCount } })
    expect(objects[0]?.key).toMatch(/\.gz$/)
    expect(iconv.decode(gunzipSync(objects[0]?.body ?? ''), 'gb18030').slice(0, 8)).toBe(header)
    const again = await tableFor(async () => undefined)
    const back = await load(again, `out/${table}/*`, { encoding: 'GB18030', skipHeader: true })
    expect(back).toMatchObject({ state: 'succeeded', rows: { loaded: rowCount } })
    expect(await contents(again)).toEqual(await contents(table))
  })

  it('of no rows leaves a gzip file with the header', async () => {
    const table = await tableFor(async () => undefined)
    const { objects } = await exported(table, { compress: 'gzip', writeHeader: true, suffix: 'csv' })
    expect(objects.map(({ key, body }) => [key.slice(-7), gunzipSync(body).toString()])).toEqual([['.csv.gz', header]])
  })

  it('ends where the charset lacks a character, which is told by its number alone', async () => {
    const table = await tableFor((name) => put(`data/${name}.csv`, '1,ok\n2,中\n'))
    await load(table, `data/${table}.csv`)
    const { report, objects } = await exported(table, { encoding: 'latin1' })
    expect(report).toMatchObject({ state: 'failed', error: { code: 'target/unencodable' } })
    expect(report.error?.message).toContain('U+4E2D')
    expect(objects).toEqual([])
  })
})
