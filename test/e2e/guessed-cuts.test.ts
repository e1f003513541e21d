import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LoadEvent, PlanEvent, StartEvent } from '../../shared/run/events.ts'
import { loadChunk } from '../../shared/run/load-chunk.ts'
import { planRun } from '../../shared/run/plan-run.ts'
import { reportRun } from '../../shared/run/report.ts'
import { startJob } from '../../shared/run/start-job.ts'
import { runStep } from '../../shared/run/step.ts'
import type { World } from '../../shared/run/world.ts'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

/** Every file of several chunks is cut at guesses here; a chunk has 64 kB. */
let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack({ ADBPG_SYNC_GUESS_FROM_BYTES: '65536' })
})
afterAll(() => stack.close())

type Row = readonly [id: string, note: string]

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
const csvOf = (rows: readonly Row[]) => rows.map(([id, note]) => `${id},${quoted(note)}\n`).join('')
const digestOf = (rows: readonly Row[]) =>
  createHash('md5')
    .update(rows.map(([id, note]) => `${id}|${note}`).join('\x01'))
    .digest('hex')

async function placed(rows: readonly Row[], tail = ''): Promise<string> {
  const table = unique('guessed')
  await stack.sql(`create table public.${table} (id integer, note text)`)
  await stack.world.store.put(`data/${table}.csv`, Buffer.from(csvOf(rows) + tail))
  return table
}

const jobOf = (table: string, record = 0, channel = 3) =>
  dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), {
    speed: { channel },
    errorLimit: { record },
  })

async function contentOf(table: string) {
  const [row] = await stack.sql<{ rows: number; digest: string }>(
    `select count(*)::integer as rows, md5(string_agg(id || '|' || note, e'\\x01' order by id)) as digest from public.${table}`,
  )
  return row
}

/** Chunks that did not begin where the plan says. */
async function wrongGuesses(runId: string): Promise<number> {
  const chunks = await stack.sql<{ source: string; before: string | null }>(
    `select c.source, d.next_offset as before
       from adbpg_sync.chunk c
       left join adbpg_sync.chunk_done d on d.run_id = c.run_id and d.ordinal = c.ordinal - 1
      where c.run_id = '${runId}' and c.ordinal > 0`,
  )
  return chunks.filter(({ source, before }) => JSON.parse(source).slice.start !== Number(before)).length
}

const isWhole = (rows: readonly Row[]) => ({ rows: rows.length, digest: digestOf(rows) })

/** Some have line breaks and quotes, and a few look like records. */
const notesOf = (count: number, seed: number): Row[] =>
  Array.from({ length: count }, (_, n) => {
    const kind = (n * 7919 + seed * 104729) % 13
    const note =
      kind === 0 ? `a\n"b", ${n}\n` : kind === 1 ? `${n},x\n${n},y` : kind === 2 ? '""\n' : 'x'.repeat(kind * 9)
    return [String(n + 1), note]
  })

/** Longer than several chunks, and like records all through, so every guess within it is wrong. */
const lookalike = '7,x\n'.repeat(60_000)

describe('a file that was not read before it was cut', () => {
  it.each([1, 2, 3])('is loaded as it is (%i)', async (seed) => {
    const rows = notesOf(12_000, seed)
    const table = await placed(rows)
    const report = await stack.run({ job: jobOf(table) })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows.length, loaded: rows.length } })
    expect(report.chunks).toBeGreaterThan(5)
    expect(await contentOf(table)).toEqual(isWhole(rows))
    const [plan] = await stack.sql<{ source: string }>(
      `select source from adbpg_sync.chunk where run_id = '${report.runId}' order by ordinal offset 1`,
    )
    expect(plan?.source).toContain('"begins":"guessed"')
  })

  it('is loaded as it is where guesses are wrong: those chunks begin again behind the one before', async () => {
    const rows: Row[] = notesOf(9000, 4).map(([id, note], n) => [id, n === 3000 || n === 6000 ? lookalike : note])
    const table = await placed(rows)
    const report = await stack.run({ job: jobOf(table) })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows.length, loaded: rows.length } })
    expect(await contentOf(table)).toEqual(isWhole(rows))
    expect(await wrongGuesses(report.runId)).toBeGreaterThan(4)
  })

  it.each(['load/mid-copy', 'load/after-copy', 'load/after-commit'] as const)(
    'is there once after a function died at %s',
    async (point) => {
      const rows: Row[] = notesOf(9000, 5).map(([id, note], n) => [id, n === 4500 ? lookalike : note])
      const table = await placed(rows)
      await stack.crashAt(point)
      const report = await stack.whileTicking(() => stack.run({ job: jobOf(table) }))
      expect(await stack.crashed()).toBe(true)
      expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows.length, loaded: rows.length } })
      expect(await contentOf(table)).toEqual(isWhole(rows))
    },
  )

  it('keeps dirty records under their numbers in the file, also those behind a wrong guess', async () => {
    const bad = new Set([10, 2500, 2501, 5200, 8999])
    const rows: Row[] = notesOf(9000, 6).map(([id, note], n) => [
      bad.has(n) ? `bad ${n}` : id,
      n === 5000 ? lookalike : note,
    ])
    const table = await placed(rows)
    const report = await stack.run({ job: jobOf(table, 100) })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 9000, loaded: 8995, dirty: 5 } })
    const whole = csvOf(rows)
    const dirty = await dirtyOf(stack, report)
    expect(dirty.map(({ record, source }) => [record, source])).toEqual(
      [...bad].map((n) => [n + 1, `oss://${stack.world.store.bucket}/data/${table}.csv`]),
    )
    for (const { offset, raw } of dirty)
      expect(whole.slice(offset ?? 0, (offset ?? 0) + raw.length + 1)).toBe(`${raw}\n`)
    expect(await contentOf(table)).toEqual(isWhole(rows.filter((_, n) => !bad.has(n))))
  })

  it('with more dirty records than a chunk keeps back, has them all', async () => {
    const rows: Row[] = notesOf(9000, 7).map(([id, note], n) => [n % 3 === 0 ? `bad ${n}` : id, note])
    const table = await placed(rows)
    const report = await stack.run({ job: jobOf(table, 5000) })
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: 9000, loaded: 6000, dirty: 3000 } })
    expect((await dirtyOf(stack, report)).map(({ record }) => record)).toEqual(
      Array.from({ length: 3000 }, (_, n) => 3 * n + 1),
    )
  })

  it('fails by the first bad record under its number, where none is allowed', async () => {
    const rows: Row[] = notesOf(9000, 8).map(([id, note], n) => [
      n === 8000 ? 'bad' : id,
      n === 5000 ? lookalike : note,
    ])
    const report = await stack.run({ job: jobOf(await placed(rows)) })
    expect(report).toMatchObject({ state: 'failed', error: { code: 'record/format', context: { record: 8001 } } })
  })

  it('fails by a quote that is never closed, which is told by its record and place', async () => {
    const rows = notesOf(9000, 9)
    const report = await stack.run({ job: jobOf(await placed(rows, '9001,"open\n1,x\n2,y\n'), 5000) })
    expect(report).toMatchObject({
      state: 'failed',
      error: { code: 'source/unclosed-quote', context: { record: 9001, offset: Buffer.byteLength(csvOf(rows)) } },
    })
  })

  it('goes through a datasource that allows one connection', async () => {
    const rows = notesOf(4000, 10)
    const table = await placed(rows)
    const capped = unique('capped')
    const { host, port, database, user } = stack.adbpg
    const password = 'env:ADBPG_LOCAL_PASSWORD'
    const definition = { type: 'adbpg', host, port, database, username: user, password, maxConnections: '1' }
    await stack.world.store.put(datasourceKey(capped), Buffer.from(JSON.stringify(definition)))
    const writer = intoAdbpg(`public.${table}`, { datasource: capped })
    const job = dataxJob(table, fromOss(`data/${table}.csv`), writer)
    const report = await stack.whileTicking(() => stack.run({ job }))
    expect(report).toMatchObject({ state: 'succeeded' })
    expect(await contentOf(table)).toEqual(isWhole(rows))
  })
})

describe('chunks in another order', () => {
  const until = (softAt: Date) => ({ signal: new AbortController().signal, softAt })
  const ample = () => until(new Date(8.64e15))

  /** A run that is planned, whose chunks nobody loads but the test. */
  async function planned(table: string, errorLimit = 0) {
    const world: World = { ...stack.world, invoker: { ...stack.world.invoker, invokeAsync: async () => 'queued' } }
    const { runId } = await startJob(world, StartEvent.parse({ job: jobOf(table, errorLimit, 1) }), ample())
    const base = { runId, generation: 0, ledger: stack.adbpg }
    await runStep(world, PlanEvent.parse({ ...base, step: 'plan' }), ample(), planRun)
    const [counted] = await stack.sql<{ chunks: number }>(
      `select count(*)::integer as chunks from adbpg_sync.chunk where run_id = '${runId}'`,
    )
    const load = (ordinal: number, deadline = ample(), part = 0) =>
      runStep(world, LoadEvent.parse({ ...base, step: 'load', ordinal, part }), deadline, loadChunk)
    return { runId, load, chunks: counted?.chunks ?? 0 }
  }

  it('a chunk that is ahead waits for the one before it, and is there once however often it is delivered', async () => {
    const rows: Row[] = notesOf(4000, 11).map(([id, note], n) => [id, n === 1500 ? lookalike.slice(0, 80_000) : note])
    const table = await placed(rows)
    const { load, chunks } = await planned(table)
    expect(chunks).toBeGreaterThan(3)
    const backwards = [...Array(chunks).keys()].reverse()
    const all = backwards.flatMap((ordinal) => [load(ordinal), load(ordinal)])
    expect(await Promise.all(all)).toEqual(all.map(() => ({ outcome: 'done' })))
    expect(await contentOf(table)).toEqual(isWhole(rows))
  })

  it('a chunk whose predecessor does not come is left to a later attempt, and nothing of it is there', async () => {
    const rows = notesOf(4000, 12)
    const table = await placed(rows)
    const { load, chunks } = await planned(table)
    const soon = until(new Date(Date.now() + 100))
    await expect(load(1, soon)).rejects.toMatchObject({ code: 'platform/deadline', context: { ordinal: 1 } })
    expect(await contentOf(table)).toMatchObject({ rows: 0 })
    for (const ordinal of Array(chunks).keys()) await load(ordinal)
    expect(await contentOf(table)).toEqual(isWhole(rows))
  })

  it('a chunk that is handed over before anybody knows its start goes on under the numbers of the file', async () => {
    const rows: Row[] = notesOf(4000, 13).map(([id, note], n) => [n === 1999 ? 'bad' : id, note])
    const table = await placed(rows)
    const { runId, load, chunks } = await planned(table, 10)
    const [second] = await stack.sql<{ source: string }>(
      `select source from adbpg_sync.chunk where run_id = '${runId}' and ordinal = 1`,
    )
    const { start, end } = JSON.parse(second?.source ?? '').slice
    const at = Buffer.byteLength(csvOf(rows.slice(0, 1999)))
    expect(at > start && at < end).toBe(true)
    await Promise.all([load(1, until(new Date(0))), load(0)])
    for (let part = 1; ; part += 1) {
      const [handed] = await stack.sql<{ rest: string }>(
        `select source as rest from adbpg_sync.chunk where run_id = '${runId}' and ordinal = 1 and part = ${part}`,
      )
      if (handed === undefined) break
      await load(1, ample(), part)
    }
    for (const ordinal of Array(chunks).keys()) if (ordinal > 1) await load(ordinal)
    await using sql = await stack.world.connectSql(stack.adbpg, new AbortController().signal)
    const report = await reportRun(sql, runId, new Date())
    expect(report).toMatchObject({ rows: { read: 4000, loaded: 3999, dirty: 1 } })
    const found: number[] = []
    for await (const { key } of stack.world.store.list(`dirty/${runId}/`))
      found.push(JSON.parse((await stack.world.store.read(key, 1_000_000))?.body.toString() ?? '').record)
    expect(found).toEqual([2000])
  })
})
