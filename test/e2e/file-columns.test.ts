import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunReport } from '../../shared/run/report.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** `column` of a file: some fields, in any order, several times, and constants between them. */
describe('the columns of a file', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack()
  })
  afterAll(() => stack.close())

  const load = async (
    columns: string,
    text: string,
    reader: Record<string, unknown>,
    errorLimit = 0,
  ): Promise<{ table: string; report: RunReport }> => {
    const table = unique('columns')
    await stack.sql(`create table public.${table} (${columns})`)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(text))
    const setting = { speed: { channel: 2 }, errorLimit: { record: errorLimit } }
    const job = dataxJob(table, fromOss(`data/${table}.csv`, reader), intoAdbpg(`public.${table}`), setting)
    return { table, report: await stack.run({ job }) }
  }
  const picked = [{ index: 3 }, { value: 'from "a", b' }, { index: 0, type: 'long' }, { value: null }, { index: 3 }]

  it('are picked on the way, over all chunks', async () => {
    const rows = 6000
    const line = (n: number) =>
      `${n},unused ${'u'.repeat(n % 30)},"also\n""unused""","note ${n}\n${'x'.repeat(n % 50)}"\r\n`
    const text = `id,a,b,note\r\n${[...Array(rows).keys()].map(line).join('')}`
    const { table, report } = await load('note text, origin text, id bigint, nothing text, again text', text, {
      column: picked,
      skipHeader: true,
    })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows, dirty: 0 } })
    expect(report.chunks).toBeGreaterThan(3)
    expect(report.decisions).toContainEqual(expect.objectContaining({ what: 'loaders pick the fields' }))
    const differs = `note <> 'note ' || id || E'\\n' || repeat('x', (id % 50)::integer) or origin <> 'from "a", b' or nothing is not null or again <> note`
    expect(
      await stack.sql(
        `select count(*)::integer as rows, count(distinct id)::integer as ids, count(case when ${differs} then 1 end)::integer as wrong from public.${table}`,
      ),
    ).toEqual([{ rows, ids: rows, wrong: 0 }])
  })

  it('are dirty where a record has other fields or a wrong value, each with its place and as it lies in the file', async () => {
    const lines = ['1,a,b,one', '2,a,b', 'x,a,b,three', '4,a,b,four,more', '\\.', '6,a,b,\\.']
    const { table, report } = await load(
      'note text, id bigint',
      `${lines.join('\n')}\n`,
      { column: [{ index: 3 }, { index: 0 }] },
      9,
    )
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 6, loaded: 2, dirty: 4, filtered: 0 } })
    const offset = (line: number) => lines.slice(0, line).join('\n').length + (line > 0 ? 1 : 0)
    const place = (line: number) => ({
      record: line + 1,
      offset: offset(line),
      raw: lines[line],
      bytes: (lines[line]?.length ?? 0) + 1,
    })
    expect(await dirtyOf(stack, report)).toMatchObject([
      { ...place(1), code: 'record/column-count', sqlstate: null },
      { ...place(2), code: 'record/format', sqlstate: '22P02', column: 'id' },
      { ...place(3), code: 'record/column-count' },
      { ...place(4), code: 'record/column-count' },
    ])
    expect(await stack.sql(`select id::integer as id, note from public.${table} order by id`)).toEqual([
      { id: 1, note: 'one' },
      { id: 6, note: '\\.' },
    ])
  })

  it('a file with too few fields for them fails, and loads nothing', async () => {
    const { report } = await load('note text', '1,a\n2,b\n', { column: [{ index: 7 }] })
    expect(report).toMatchObject({ state: 'failed', rows: { loaded: 0 }, error: { code: 'record/column-count' } })
  })
})
