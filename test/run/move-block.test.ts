import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CopyEncoding, copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import { oneAhead } from '../../shared/codecs/one-ahead.ts'
import { blocksOf } from '../../shared/codecs/record-blocks.ts'
import { plainValueOf } from '../../shared/load/plain-value.ts'
import { appendRecords } from '../../shared/load/put-records.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import type { Found } from '../../shared/run/dirty.ts'
import { type BlockMove, moveBlockOrRecord } from '../../shared/run/move-block.ts'
import { openScreen } from '../../shared/run/screen.ts'
import type { Column } from '../../shared/schema/index.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

let server: TestServer
let session: SqlSession
beforeAll(async () => {
  server = await startTestServer()
  session = await server.connect()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await server.close()
})
beforeEach(async () => {
  await session.query('drop table if exists moved')
  await session.query('create table moved (id integer, n numeric(6,2) not null, day date, note varchar(5))')
  await session.query('create unique index on moved (id)')
})

const columns: readonly Column[] = [
  { name: 'id', type: 'integer', nullable: true },
  { name: 'n', type: 'numeric(6,2)', nullable: false },
  { name: 'day', type: 'date', nullable: true },
  { name: 'note', type: 'character varying(5)', nullable: true },
]
const table = { schema: null, table: 'moved' }

interface MoveResult {
  readonly loaded: number
  readonly dirty: readonly Pick<Found, 'record' | 'offset' | 'code' | 'column'>[]
  readonly copies: number
}

interface MoveOptions {
  readonly encoding?: CopyEncoding
  readonly suspectsAtOnce?: number
  /** Time is over at each look, and what is left of a block is moved by another, which knows nothing. */
  readonly inHaste?: boolean
  /** Blocks are looked over while the one before is put. */
  readonly looksAhead?: boolean
}

async function moveAll(
  whole: string,
  blockBytes: number,
  { encoding = defaultCsv, suspectsAtOnce = 1000, inHaste = false, looksAhead = false }: MoveOptions = {},
): Promise<MoveResult & { readonly handedOver: number }> {
  const append = appendRecords(session, table, ['id', 'n', 'day', 'note'], encoding)
  const dirty: Found[] = []
  let copies = 0
  const place = { encoding, newline: 0x0a, maxRecordBytes: 1000 }
  const move = {
    context: { deadline: { signal: new AbortController().signal } },
    opened: { sent: encoding, rewriterOf: () => null },
    put: (...given: Parameters<typeof append>) => {
      copies += 1
      return append(...given)
    },
    body: { ...place, origin: { name: 'here', start: 0, firstRecord: 1 } },
    sql: session,
    dirty: { add: async (found: Found) => void dirty.push(found) },
    suspectsAtOnce,
    // The parts of a move that only its neighbours use are left out.
  } as unknown as BlockMove
  let [loaded, handedOver] = [0, 0]
  async function moveFrom(from: { readonly bytes: number; readonly records: number }): Promise<void> {
    const body = { ...move.body, origin: { name: 'here', start: from.bytes, firstRecord: 1 + from.records } }
    const moving = { ...move, body, screen: openScreen(place, columns) }
    const bytes = (async function* () {
      // A block ends behind a piece.
      const left = Buffer.from(whole).subarray(from.bytes)
      for (let at = 0; at < left.length; at += blockBytes) yield left.subarray(at, at + blockBytes)
    })()
    const looked = async function* () {
      for await (const next of blocksOf(bytes, { ...place, targetBytes: () => blockBytes })) {
        if ('block' in next && looksAhead) await moving.screen.lookAhead(next.block, suspectsAtOnce)
        yield next
      }
    }
    for await (const next of oneAhead(looked())) {
      const moved = await moveBlockOrRecord(moving, next, () => inHaste)
      loaded += moved.loaded
      if (moved.left.records === 0 || !('block' in next)) continue
      handedOver += 1
      const { before, bytes, records } = next.block
      return await moveFrom({
        bytes: from.bytes + before.bytes + bytes.length - moved.left.bytes,
        records: from.records + before.records + records - moved.left.records,
      })
    }
  }
  await session.transaction(() => moveFrom({ bytes: 0, records: 0 }))
  const placed = dirty.map(({ record, offset, code, column }) => ({ record, offset, code, column }))
  return { loaded, handedOver, copies, dirty: placed.sort((a, b) => a.record - b.record) }
}

/** Each record alone, in order: what is refused then is dirty. */
async function judge(lines: readonly string[]): Promise<number[]> {
  const put = appendRecords(session, table, ['id', 'n', 'day', 'note'], defaultCsv)
  const refused: number[] = []
  await session.transaction(async () => {
    for (const [index, line] of lines.entries()) {
      const one = (async function* () {
        yield Buffer.from(line)
      })()
      await session.savepoint(() => put(one)).catch(() => refused.push(index + 1))
    }
  })
  await session.query('truncate moved')
  return refused
}

const good = (id: number) => `${id},${id % 100}.50,2026-01-02,ok\n`

describe('records of a block', () => {
  const field = {
    id: fc.oneof(
      { weight: 6, arbitrary: fc.nat({ max: 30 }).map(String) },
      { weight: 1, arbitrary: fc.constantFrom('x', '1e2', '', '"7"', '99999999999') },
    ),
    n: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('1.5', '-20', '0') },
      { weight: 1, arbitrary: fc.constantFrom('', 'NaN', '1e3', '123456', '"2"', '1.2.3') },
    ),
    day: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('2026-01-31', '') },
      { weight: 1, arbitrary: fc.constantFrom('2026-02-30', 'today', '20260101', '2026-13-01', '0000-01-01') },
    ),
    note: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('a', '"b,c"', '') },
      { weight: 1, arbitrary: fc.constantFrom('toolong', 'äöüéß', 'a,b', '"x\ny"', 'ends     ') },
    ),
  }
  const line = fc.record(field).map(({ id, n, day, note }) => `${id},${n},${day},${note}\n`)

  test('are dirty where the server refuses them one by one, and only there, whatever looks wrong', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 40 }),
        fc.constantFrom(1, 200, 100_000),
        fc.record({ suspectsAtOnce: fc.constantFrom(1, 2, 3, 1000), inHaste: fc.boolean(), looksAhead: fc.boolean() }),
        async (lines, blockBytes, options) => {
          const refused = await judge(lines)
          const moved = await moveAll(lines.join(''), blockBytes, options)
          expect(moved.dirty.map(({ record }) => record)).toEqual(refused)
          expect(moved.loaded).toBe(lines.length - refused.length)
          const offsets = lines.map((_, index) => Buffer.byteLength(lines.slice(0, index).join('')))
          expect(moved.dirty.map(({ offset }) => offset)).toEqual(refused.map((record) => offsets[record - 1]))
          await session.query('truncate moved')
        },
      ),
      { numRuns: 100 },
    ))

  test.each([false, true])(
    'of which many have the same fault cost one COPY each, looked at ahead: %s',
    async (looksAhead) => {
      const lines = Array.from({ length: 2000 }, (_, id) =>
        id % 40 === 7 ? good(id).replace('.50', '.5.0') : good(id),
      )
      const { loaded, dirty, copies } = await moveAll(lines.join(''), 20_000, { looksAhead })
      expect([loaded, dirty.length]).toEqual([1950, 50])
      expect(dirty[1]).toMatchObject({ record: 48, code: 'record/format', column: 'n' })
      // One for each of the bad, one for each block, and the first, which taught what to look at.
      const blocks = Math.ceil(lines.join('').length / 20_000)
      expect(copies).toBeLessThanOrEqual(50 + blocks + 1)
    },
  )

  test('of which many are bad are looked at so many at a time, and the rest is left where time is over', async () => {
    const lines = Array.from({ length: 60 }, (_, id) => (id % 2 === 1 ? good(id).replace('.50', '.5.0') : good(id)))
    const { loaded, dirty, handedOver } = await moveAll(lines.join(''), 100_000, { suspectsAtOnce: 10, inHaste: true })
    expect(dirty.map(({ record }) => record)).toEqual(lines.flatMap((_, id) => (id % 2 === 1 ? [id + 1] : [])))
    expect([loaded, handedOver]).toEqual([30, 2])
  })

  test('are left only where they are an end of their block', async () => {
    // The first block teaches to look at n. In the second the sixth is taken out before day of the third is found wrong.
    const first = `1,${'0'.repeat(58)}y,,\n`
    const second = ['2,1,,', '3,1,x,', '4,1,x,', '5,1,,', '6,y,,', '7,1,,'].map((line) => `${line}\n`)
    const whole = [first, ...second].join('')
    const { loaded, dirty } = await moveAll(whole, first.length, { suspectsAtOnce: 1, inHaste: true })
    expect(dirty.map(({ record }) => record)).toEqual([1, 3, 4, 6])
    expect(loaded).toBe(3)
  })

  test('of COPY text are looked over as well', async () => {
    const rows = [
      ['1', '2.5', '\\N', 'a'],
      ['2', 'no', '\\N', 'b'],
      ['3', '\\N', '\\N', 'c'],
      ['4', '1', '\\N', 'd'],
      ['5', 'x', '\\N', 'd'],
    ]
    const { loaded, dirty } = await moveAll(rows.map((row) => `${row.join('\t')}\n`).join(''), 100_000, {
      encoding: copyText,
    })
    expect([loaded, dirty.map(({ record }) => record)]).toEqual([2, [2, 3, 5]])
  })

  test('are looked over no more where the look is wrong', async () => {
    const lines = Array.from({ length: 500 }, (_, id) => `${id},${id === 0 ? 'x' : '1e1'},,\n`)
    const { loaded, dirty, copies } = await moveAll(lines.join(''), 100_000)
    expect([loaded, dirty.length]).toEqual([499, 1])
    expect(copies).toBeLessThan(30)
  })
})

test.each([
  ['integer', ['0', '-5', '+7', '123456789'], ['', '-', '1.0', '1234567890', ' 1']],
  ['bigint', ['123456789012345678'], ['1234567890123456789']],
  ['numeric(6,2)', ['1.25', '.5', '5.', '-999.99999', '9999.99'], ['', '.', '10000', '9999.999', 'NaN', '1.2.3']],
  ['double precision', ['1.5'], ['1e5', '']],
  ['date', ['2026-02-28', '0001-01-01'], ['2026-02-29', '2026-2-1', '0000-01-01', '2026-00-10', '2026-01-00', '']],
  [
    'timestamp without time zone',
    ['2026-01-02', '2026-01-02 03:04:05', '2026-01-02T23:59:59.123456Z'],
    ['2026-01-02 24:00:00', '2026-01-02x'],
  ],
  ['timestamp with time zone', ['2026-01-02 03:04:05+08', '2026-01-02 03:04:05-05:30'], ['2026-01-02 03:04:05+16']],
  ['boolean', ['t', 'false', '1'], ['T R U E', '2', '']],
  ['uuid', ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'], ['a0eebc99']],
  ['character varying(3)', ['', 'abc'], ['abcd', 'äö']],
])('values of %s that are plain are taken by the server', async (type, plain, others) => {
  const isPlain = plainValueOf(type)
  const look = (text: string) => isPlain?.(Buffer.from(`"${text}"`), 1, 1 + Buffer.byteLength(text))
  expect(plain.map(look)).toEqual(plain.map(() => true))
  expect(others.map(look)).toEqual(others.map(() => false))
  for (const text of plain) await session.query(`select $1::${type}`, [text])
})

test('nothing is known of other types', () => {
  expect(['text', 'json', 'character varying', 'integer[]', 'my.type'].map(plainValueOf)).toEqual(Array(5).fill(null))
})
