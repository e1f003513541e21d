import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack } from '../support/stack.ts'

/** 2000 for the figure in the documentation; 100 keeps the suite short and is still far more than a function's memory allows to hold. */
const megabytes = Number(process.env.LARGE_MB ?? 100)

let stack: TestStack
beforeAll(async () => {
  stack = await startTestStack({
    ADBPG_SYNC_CHUNK_BYTES: '',
    ADBPG_SYNC_STAGE_CHUNK_BYTES: '',
    ADBPG_SYNC_LEASE_SECONDS: '60',
  })
})
afterAll(() => stack.close())

/** Megabytes of memory that each request of a function took at most. */
async function peaksOf(name: 'load' | 'stage'): Promise<readonly number[]> {
  const log = await readFile(join(stack.stateDir, `fc/logs/adbpg-sync-${name}.log`), 'utf8')
  return [...log.matchAll(/"memoryMb":(\d+)/g)].map(([, mb]) => Number(mb))
}

it(`${megabytes} MB of CSV pass through load processes of no more than 160 MB`, {
  timeout: 300_000,
}, async () => {
  await stack.sql('create unlogged table public.large (id bigint, note text)')
  let rows = 0
  const bytes = async function* () {
    for (let sent = 0; sent < megabytes * 1e6; ) {
      const lines: string[] = []
      for (let n = 0; n < 10_000; n += 1, rows += 1)
        lines.push(`${rows},"note ${rows}\nwith ""quotes"", ${'x'.repeat(rows % 90)}"\n`)
      const piece = Buffer.from(lines.join(''))
      sent += piece.length
      yield piece
    }
  }
  await stack.world.store.putStream('data/large.csv', bytes())
  const job = dataxJob('large', fromOss('data/large.csv'), intoAdbpg('public.large'))
  const report = await stack.ended(await stack.start({ job }), 280_000)
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(await stack.sql('select count(*)::integer as n, sum(id) as ids from public.large')).toEqual([
    { n: rows, ids: String((rows * (rows - 1)) / 2) },
  ])
  const peaks = await peaksOf('load')
  expect(peaks.length).toBe(report.chunks)
  expect(Math.max(...peaks)).toBeLessThan(160)
})

it('bad records in blocks of one chunk far apart and side by side are kept with their places', async () => {
  await stack.sql('create unlogged table public.blocks (id bigint, note text)')
  const count = 150_000
  const far = new Set([0, 7, 8, 9, 60_000, 60_001, 99_999, count - 1])
  const lines = [...Array(count).keys()].map((n) => `${far.has(n) ? 'x' : n},"note\n${'y'.repeat(n % 200)}"\r\n`)
  const places: { record: number; offset: number }[] = []
  let offset = 0
  for (const [n, line] of lines.entries()) {
    if (far.has(n)) places.push({ record: n + 1, offset })
    offset += line.length
  }
  await stack.world.store.put('data/blocks.csv', Buffer.from(lines.join('')))
  const job = dataxJob('blocks', fromOss('data/blocks.csv'), intoAdbpg('public.blocks'), {
    speed: { channel: 1 },
    errorLimit: { record: 8 },
  })
  const report = await stack.ended(await stack.start({ job }), 60_000)
  const loaded = count - far.size
  // Of about 16 MB: more than one block, and one chunk.
  expect(offset).toBeGreaterThan(15e6)
  expect(report).toMatchObject({ state: 'succeeded', chunks: 1, rows: { read: count, loaded, dirty: far.size } })
  const dirty = await dirtyOf(stack, report)
  expect(dirty.map(({ record, offset: at }) => ({ record, offset: at }))).toEqual(places)
  const sum = [...Array(count).keys()].reduce((total, n) => total + (far.has(n) ? 0 : n), 0)
  expect(await stack.sql('select count(distinct id)::integer as n, sum(id)::text as ids from public.blocks')).toEqual([
    { n: loaded, ids: String(sum) },
  ])
}, 90_000)

it.each([
  ['as it lies', {}, (bytes: Buffer) => bytes],
  ['inflated', { compress: 'gzip' }, (bytes: Buffer) => gzipSync(bytes, { level: 1 })],
])('a record of 64 MB is refused by a load of 160 MB and a stage of 256 MB, %s', async (how, options, packed) => {
  const table = `long_${how.replaceAll(' ', '_')}`
  await stack.sql(`create unlogged table public.${table} (id bigint, note text)`)
  const long = Buffer.concat([Buffer.from('1,"'), Buffer.alloc(64 * 1024 * 1024, 'x'), Buffer.from('"\n')])
  await stack.world.store.put(`data/${table}`, packed(Buffer.concat([long, Buffer.from('2,short\n')])))
  const job = dataxJob(table, fromOss(`data/${table}`, options), intoAdbpg(`public.${table}`), {
    errorLimit: { record: 1 },
  })
  const report = await stack.ended(await stack.start({ job }), 60_000)
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: 2, loaded: 1, dirty: 1 } })
  const [dirty] = await dirtyOf(stack, report)
  expect(dirty).toMatchObject({ record: 1, offset: 0, code: 'record/too-large', raw: `1,"${'x'.repeat(4093)}` })
  expect(Math.max(...(await peaksOf('load')))).toBeLessThan(160)
  if (how === 'inflated') expect(Math.max(...(await peaksOf('stage')))).toBeLessThan(256)
})
