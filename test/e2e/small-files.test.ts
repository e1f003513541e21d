import { afterAll, beforeAll, expect, it } from 'vitest'
import { replayDirty } from '../../shared/run/replay-dirty.ts'
import { openRun } from '../../shared/run/run-context.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** Many small files at once: few COPYs, and every file, record and byte is accounted for as if it had come alone. */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack()
})
afterAll(() => stack.close())

const fileCount = 120
/** Every third has CRLF, every second does not end its last record, some begin with a mark, one is empty but for its header. */
function fileOf(file: number, bad: ReadonlySet<number>): string {
  const ending = file % 3 === 0 ? '\r\n' : '\n'
  const lines = [
    'id,note',
    ...[0, 1, 2].map((n) => `${bad.has(file) && n === 1 ? 'x' : file * 10 + n},"n ""${n}"" of ${file}"`),
  ]
  const text = (file === 7 ? lines.slice(0, 1) : lines).join(ending)
  return `${file % 5 === 0 ? '\ufeff' : ''}${text}${file % 2 === 0 ? ending : ''}`
}

it('of one import go in few chunks; a bad record is named by its own file, number and offset, and can be replayed', async () => {
  const table = unique('many')
  await stack.sql(`create table public.${table} (id bigint, note text)`)
  const bad = new Set([3, 40, 41])
  const texts = Array.from({ length: fileCount }, (_, file) => fileOf(file, bad))
  const keyOf = (file: number) => `data/${table}/${String(file).padStart(3, '0')}.csv`
  await Promise.all(texts.map((text, file) => stack.world.store.put(keyOf(file), Buffer.from(text))))
  const report = await stack.run({
    job: dataxJob(table, fromOss(`data/${table}/*.csv`, { skipHeader: true }), intoAdbpg(`public.${table}`), {
      speed: { channel: 2 },
      errorLimit: { record: 10 },
    }),
  })
  const read = (fileCount - 1) * 3
  expect(report).toMatchObject({ state: 'succeeded', rows: { read, loaded: read - 3, dirty: 3, filtered: 0 } })
  expect(report.chunks).toBeLessThanOrEqual(3)
  expect(report.decisions.map(({ what }) => what)).toContain(`${fileCount - 1} small slices go in 2 chunks`)
  const dirty = (await dirtyOf(stack, report)).sort((a, b) => a.source.localeCompare(b.source))
  expect(dirty.map(({ source, record, offset, raw }) => ({ source, record, offset, raw }))).toEqual(
    [...bad].map((file) => ({
      source: `oss://${stack.world.store.bucket}/${keyOf(file)}`,
      record: 2,
      offset: Buffer.from(texts[file] ?? '').indexOf('x,"n'),
      raw: `x,"n ""1"" of ${file}"`,
    })),
  )
  expect(new Set(dirty.map(({ piece, record }) => `${piece}/${record}`)).size).toBe(3)
  const sums = await stack.sql(
    `select count(*)::integer as rows, count(distinct id)::integer as ids, count(distinct split_part(note, ' of ', 2))::integer as files
     from public.${table}`,
  )
  expect(sums).toEqual([{ rows: read - 3, ids: read - 3, files: fileCount - 1 }])
  await stack.sql(`alter table public.${table} alter id type text`)
  const { world } = stack
  await using sql = await world.connectSql(stack.adbpg, new AbortController().signal)
  const never = { signal: new AbortController().signal, softAt: new Date(8.64e15) }
  const context = await openRun(world, sql, { address: stack.adbpg, runId: report.runId }, never)
  expect(await replayDirty(context, null)).toMatchObject({ loaded: 3, already: 0 })
  expect(await replayDirty(context, null)).toMatchObject({ loaded: 0, already: 3 })
})
