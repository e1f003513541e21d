import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseCorrections } from '../../shared/run/correction.ts'
import { replayDirty } from '../../shared/run/replay-dirty.ts'
import type { RunReport } from '../../shared/run/report.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { ample } from '../support/deliveries.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack?.close())

interface Loading {
  readonly reader?: Record<string, unknown>
  readonly writer?: Record<string, unknown>
  readonly document?: Record<string, unknown>
  readonly errorLimit?: number
}

/** Loads a text as one object into a new table. */
async function load(
  columns: string,
  text: string | Buffer,
  { reader, writer, document, errorLimit = 0 }: Loading = {},
) {
  const table = unique('json')
  await stack.sql(`create table public.${table} (${columns})`)
  await stack.world.store.put(`data/${table}.json`, Buffer.from(text))
  const setting = { speed: { channel: 2 }, errorLimit: { record: errorLimit } }
  const from = fromOss(`data/${table}.json`, { fileFormat: 'jsonl', ...reader })
  const job = { ...dataxJob(table, from, intoAdbpg(`public.${table}`, writer), setting), ...document }
  return { table, report: await stack.run({ job }) }
}
/** Every value as the server prints it. */
const whole = (table: string, ...columns: string[]) =>
  stack.sql(`select ${columns.map((name) => `${name}::text`).join(', ')} from public.${table} order by ${columns[0]}`)
const line = (n: number) =>
  `{"id": ${n}, "note": "line ${n}\\n\\u00e9${'x'.repeat(n % 60)}", "unused": [${n}], "big": 9007199254740993${n % 10}.10}`
const differs = `note <> 'line ' || id || E'\\né' || repeat('x', (id % 60)::integer) or big <> (90071992547409930 + id % 10)::numeric + 0.1`

async function expectAll({ table, report }: { table: string; report: RunReport }, rows: number) {
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows, dirty: 0, filtered: 0 } })
  expect(report.chunks).toBeGreaterThan(3)
  const counts = `count(*)::integer as rows, count(distinct id)::integer as ids, count(case when ${differs} then 1 end)::integer as wrong`
  expect(await stack.sql(`select ${counts} from public.${table}`)).toEqual([{ rows, ids: rows, wrong: 0 }])
}

describe('JSON Lines', () => {
  it('are loaded by the names of the columns, over all chunks', async () => {
    const lines = [...Array(3000).keys()].map(line)
    const loaded = await load('big numeric, id bigint, note text, later text', `\ufeff${lines.join('\r\n')}`)
    await expectAll(loaded, 3000)
    const what = 'loaders make COPY text of JSON'
    expect(loaded.report.decisions).toContainEqual(expect.objectContaining({ what }))
    expect(loaded.report.decisions).toContainEqual(expect.objectContaining({ what: 'keys that may be missing: later' }))
  })

  it('that are none are dirty with place and reason, and go in once corrected', async () => {
    const lines = [
      '{"id":1,"name":"one","tags":["a","b"],"extra":{"a":"x"}}',
      '',
      '{"id":2,"name":"two"',
      '{"id":"three","name":"three"}',
      '{"id":4,"name":"a\\u0000b"}',
      '{"id":5,"name":"\\ud83d"}',
      '[6]',
      '{"ID":7,"name":"not this key"}',
      '{"id":8,"name":{"x":"\\n"},"tags":null,"extra":"text"}',
      '{"id":9,"name":true,"extra":12345678901234567890}',
    ]
    const { table, report } = await load(
      'id bigint not null, name text, tags text[], extra jsonb',
      `${lines.join('\n')}\n`,
      {
        errorLimit: 9,
      },
    )
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 10, loaded: 3, dirty: 6, filtered: 1 } })
    const offset = (at: number) => lines.slice(0, at).join('\n').length + 1
    const place = (at: number) => ({ record: at + 1, offset: offset(at), raw: lines[at], column: null })
    const dirty = await dirtyOf(stack, report)
    expect(dirty).toMatchObject([
      { ...place(2), code: 'record/format', reason: expect.stringContaining('no JSON object') },
      { ...place(3), code: 'record/format', sqlstate: '22P02', column: 'id' },
      { ...place(4), code: 'record/nul-byte', column: 'name' },
      { ...place(5), code: 'record/encoding', column: 'name' },
      { ...place(6), code: 'record/format', reason: expect.stringContaining('byte 1') },
      { ...place(7), code: 'record/constraint', column: 'id' },
    ])
    expect(await whole(table, 'id', 'name', 'tags', 'extra')).toEqual([
      { id: '1', name: 'one', tags: '{a,b}', extra: '{"a": "x"}' },
      { id: '8', name: '{"x":"\\n"}', tags: null, extra: '"text"' },
      { id: '9', name: 'true', tags: null, extra: '12345678901234567890' },
    ])
    const corrected = [
      { ...dirty[0], raw: '{"id":2,"name":"two"}' },
      { ...dirty[1], fields: ['3', 'three', null, null] },
      { ...dirty[2], raw: '{"id":4}\n{"id":40}' },
    ]
    await using sql = await stack.world.connectSql(stack.adbpg, ample.signal)
    const context = await openRun(stack.world, sql, { address: stack.adbpg, runId: report.runId }, ample)
    const text = corrected.map((one) => JSON.stringify(one)).join('\n')
    expect(await replayDirty(context, parseCorrections(text))).toMatchObject({
      loaded: 2,
      refused: [{ record: 5, code: 'record/format' }],
    })
    expect(await whole(table, 'id')).toHaveLength(5)
  })

  it('bad ones among many are found whatever their distance, and the others are all there', async () => {
    const isBad = (n: number) => n % 500 === 77 || (n > 2500 && n < 2520)
    const lines = [...Array(4000).keys()].map((n) => (isBad(n) ? line(n).slice(0, n % 2 === 0 ? -1 : -9) : line(n)))
    const { table, report } = await load('id bigint, note text, big numeric', lines.join('\n'), { errorLimit: 100 })
    const dirty = [...lines.keys()].filter(isBad)
    const offset = (at: number) => Buffer.byteLength(lines.slice(0, at).join('\n')) + 1
    expect(report).toMatchObject({ state: 'succeeded', rows: { loaded: 4000 - dirty.length, dirty: dirty.length } })
    // Records of a range that was cut without being read are counted from its first byte.
    expect((await dirtyOf(stack, report)).map(({ offset: at }) => at).sort((a, b) => Number(a) - Number(b))).toEqual(
      dirty.map(offset),
    )
    const counts = `count(distinct id)::integer as ids, count(case when ${differs} then 1 end)::integer as wrong`
    expect(await stack.sql(`select ${counts} from public.${table}`)).toEqual([{ ids: 4000 - dirty.length, wrong: 0 }])
  })

  const orders = [
    '{"id":1,"customer":{"name":"Ann","address":{"city":"Bern"}},"paid":true}',
    '{"paid":false,"id":2,"customer":{"name":"Bob"}}',
    '{"id":3,"customer":null,"paid":null}',
  ].join('\n')

  it('give listed keys, paths into objects, and constants, in the order of the list', async () => {
    const column = ['id', { name: 'customer.address.city' }, { value: 'web' }, { name: 'customer' }, 'paid', 'id']
    const { table, report } = await load('a text, b text, c text, d json, e boolean, f bigint', orders, {
      reader: { column, fileFormat: 'json' },
    })
    expect(report.error).toBeNull()
    expect(await whole(table, ...'abcdef')).toEqual([
      { a: '1', b: 'Bern', c: 'web', d: '{"name":"Ann","address":{"city":"Bern"}}', e: 'true', f: '1' },
      { a: '2', b: null, c: 'web', d: '{"name":"Bob"}', e: 'false', f: '2' },
      { a: '3', b: null, c: 'web', d: null, e: null, f: '3' },
    ])
  })

  it('are mapped by name, with keys of another case where only one can be meant, and changed by steps', async () => {
    const text = '{"Id":1,"customer":{"City":"Bern"}}\n{"Id":2,"customer":{"City":"Basel"}}\n'
    const { table, report } = await load('id bigint, place text', text, {
      document: {
        mapping: { id: 'id', place: 'customer.city' },
        transform: [{ do: 'substr', column: 1, start: 0, length: 2 }],
      },
    })
    expect(report.error).toBeNull()
    expect(await whole(table, 'id', 'place')).toEqual([
      { id: '1', place: 'Be' },
      { id: '2', place: 'Ba' },
    ])
  })

  it('without any of the keys fail the plan, and say which there are', async () => {
    const { report } = await load('idd bigint', orders)
    expect(report).toMatchObject({
      state: 'failed',
      error: { code: 'source/column-missing', message: expect.stringContaining('did you mean id?') },
    })
  })
})

describe('an array of JSON', () => {
  it('is cut between its elements, however it is written', async () => {
    const elements = [...Array(3000).keys()].map((n) => (n % 3 === 0 ? line(n).replaceAll(', "', ',\r\n  "') : line(n)))
    await expectAll(await load('big numeric, id bigint, note text', `\n [ ${elements.join('\n,\n')}\n]\n `), 3000)
  })

  it('has dirty elements at their places', async () => {
    const text = '[{"id":1},\n 2, {"id":"x,]"},{"id":4\n}]'
    const { table, report } = await load('id bigint', text, { errorLimit: 5 })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 4, loaded: 2, dirty: 2 } })
    expect(await dirtyOf(stack, report)).toMatchObject([
      { record: 2, offset: text.indexOf('\n 2'), code: 'record/format', raw: '  2' },
      { record: 3, offset: text.indexOf(' {"id":"x'), code: 'record/format', column: 'id' },
    ])
    expect(await whole(table, 'id')).toEqual([{ id: '1' }, { id: '4' }])
  })

  it('that is not closed fails the plan, and one that is empty has no rows', async () => {
    const { report } = await load('id bigint', '[{"id":1},{"id":2}')
    expect(report).toMatchObject({ state: 'failed', rows: { loaded: 0 }, error: { code: 'source/malformed' } })
    expect((await load('id bigint', ' [ \n] ')).report).toMatchObject({ state: 'succeeded', rows: { read: 0 } })
  })
})

describe('an export to JSON Lines', () => {
  const toOss = (object: string, extra: Record<string, unknown> = {}) => ({
    name: 'osswriter',
    parameter: {
      datasource: 'oss_local',
      object,
      writeMode: 'truncate',
      fileFormat: 'json',
      suffix: 'jsonl',
      ...extra,
    },
  })
  const fromAdbpg = (parameter: Record<string, unknown>) => ({
    name: 'adbpgreader',
    parameter: { datasource: 'adbpg_local', ...parameter },
  })

  it('comes back as the same table', async () => {
    const name = unique('exported')
    const columns =
      'id bigint primary key, "odd "" Name" text, amount numeric, at timestamp with time zone, tags text[], extra jsonb'
    await stack.sql(`create table public.${name} (${columns})`)
    await stack.sql(`create table public.${name}_back (like public.${name})`)
    await stack.sql(
      `insert into public.${name} select n, case n % 3 when 0 then null when 1 then E'a\\tb\\\\"\\n' || n else '' end, case n % 5 when 0 then 'NaN' else (n::numeric / 7) end, timestamp '2024-01-01' + n * interval '1.5 hours', array['x', null, n::text], ('{"n": [' || n || ', null]}')::jsonb from generate_series(1, 3000) as n`,
    )
    const reader = fromAdbpg({ table: `public.${name}`, column: ['*'], splitPk: 'id' })
    const out = await stack.run({ job: dataxJob(`${name}_out`, reader, toOss(`out/${name}/part`)) })
    expect(out).toMatchObject({ state: 'succeeded', rows: { read: 3000, loaded: 3000 } })
    const back = dataxJob(
      `${name}_in`,
      fromOss(`out/${name}/*.jsonl`, { fileFormat: 'jsonl' }),
      intoAdbpg(`public.${name}_back`),
    )
    expect(await stack.run({ job: back })).toMatchObject({ state: 'succeeded', rows: { loaded: 3000 } })
    const except = (a: string, b: string) => `(select * from public.${a} except select * from public.${b})`
    const differing = `${except(name, `${name}_back`)} union all ${except(`${name}_back`, name)}`
    expect(await stack.sql(`select count(*)::integer as differ from (${differing}) as d`)).toEqual([{ differ: 0 }])
  })

  it('writes what steps have made, and no two members of one name', async () => {
    const name = unique('steps')
    const query = (list: string) => fromAdbpg({ querySql: `select ${list} from generate_series(1, 2) as n` })
    const transform = [{ do: 'substr', column: 1, start: 0, length: 1 }]
    const job = {
      ...dataxJob(name, query(`n as id, 'xy' as note, n > 1 as more`), toOss(`out/${name}/part`)),
      transform,
    }
    expect(await stack.run({ job })).toMatchObject({ state: 'succeeded', rows: { loaded: 2 } })
    const keys: string[] = []
    for await (const { key } of stack.world.store.list(`out/${name}/`)) keys.push(key)
    const text = (await stack.world.store.read(keys[0] ?? '', 1000))?.body.toString()
    expect(text).toBe('{"id":1,"note":"x","more":false}\n{"id":2,"note":"x","more":true}\n')
    const twice = dataxJob(`${name}_twice`, query('n as id, n + 1 as id'), toOss(`out/${name}_twice/part`))
    expect(await stack.run({ job: twice })).toMatchObject({ state: 'failed', error: { code: 'job/invalid' } })
  })
})
