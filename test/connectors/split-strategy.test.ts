import { expect, test } from 'vitest'
import { keyRanges } from '../../shared/connectors/sql/key-ranges.ts'
import { nearNames } from '../../shared/connectors/sql/near-names.ts'
import { chooseStrategy, printBytes, type SplitFacts } from '../../shared/connectors/sql/split-strategy.ts'
import { parseTableName } from '../../shared/connectors/sql/table-name.ts'

const column = (name: string, type: string) => ({ name, type, nullable: false, generated: false })
const id = column('id', 'bigint')
const facts = (changes: Partial<SplitFacts>): SplitFacts => ({
  bytes: 640 * 1024 ** 2,
  splitPk: null,
  primaryKey: null,
  distribution: null,
  ...changes,
})
const want = { concurrent: 4, targetBytes: 64 * 1024 ** 2, arrived: null, increment: null }

test('a table distributed by hash is cut by segment, unless the author gives a splitPk', () => {
  const distribution = { by: 'hash', segments: 3 } as const
  expect(chooseStrategy(facts({ distribution, primaryKey: id }), want)).toEqual({
    strategy: { by: 'segments', segments: 3 },
    decisions: [
      { what: '3 slices by segment', why: 'the table is distributed by hash over 3 segments; 640 MB in all' },
    ],
  })
  expect(chooseStrategy(facts({ distribution, splitPk: id }), want).strategy).toMatchObject({ by: 'keys', count: 12 })
})

test('a replicated or randomly distributed table is never cut by segment, and the reason is kept', () => {
  for (const by of ['replicated', 'random'] as const) {
    const chosen = chooseStrategy(facts({ distribution: { by, segments: 3 } }), want)
    expect(chosen.strategy).toEqual({ by: 'whole' })
    expect(chosen.decisions.map(({ what }) => what)).toEqual(['not sliced by segment', 'one slice'])
  }
})

test('there are at least as many slices as may run side by side, and at most ten thousand', () => {
  const countOf = (bytes: number) => chooseStrategy(facts({ bytes, primaryKey: id }), want).strategy
  expect(countOf(64 * 1024 ** 2)).toMatchObject({ count: 4 })
  expect(countOf(1024 ** 5)).toMatchObject({ count: 10_000 })
})

test('ranges of keys are as many for each of those that are read side by side', () => {
  for (const concurrent of [1, 2, 3, 7])
    for (const bytes of [1, 64, 65, 700, 10_000].map((megabytes) => megabytes * 1024 ** 2)) {
      const { strategy } = chooseStrategy(facts({ bytes, primaryKey: id }), { ...want, concurrent })
      if (strategy.by !== 'keys') continue
      expect(strategy.count % concurrent).toBe(0)
      expect(bytes / strategy.count).toBeLessThanOrEqual(want.targetBytes)
    }
})

test('a key whose type is no integer is not cut', () => {
  const chosen = chooseStrategy(facts({ primaryKey: column('id', 'uuid') }), want)
  expect(chosen.strategy).toEqual({ by: 'whole' })
})

test('ranges meet without gap or overlap over all of bigint', () => {
  const bounds = [
    [0n, 0n, 5],
    [1n, 3n, 10],
    [-7n, 100n, 4],
    [-(2n ** 63n), 2n ** 63n - 1n, 10_000],
  ] as const
  for (const [low, high, count] of bounds) {
    const ranges = keyRanges(low, high, count)
    expect(ranges.length).toBeLessThanOrEqual(count)
    expect([ranges[0]?.from, ranges.at(-1)?.to]).toEqual([null, null])
    for (const [index, range] of ranges.slice(1).entries()) expect(range.from).toBe(ranges[index]?.to)
    const cuts = ranges.slice(1).map(({ from }) => BigInt(from ?? '0'))
    for (const [index, cut] of cuts.entries()) expect(cut > (cuts[index - 1] ?? low)).toBe(true)
    expect(cuts.every((cut) => cut > low && cut <= high)).toBe(true)
  }
})

test.each([
  ['Person', undefined, false, { schema: null, table: 'person' }],
  ['public.person', undefined, false, { schema: 'public', table: 'person' }],
  ['"My.Schema"."Per""son"', undefined, false, { schema: 'My.Schema', table: 'Per"son' }],
  ['Person', 'Sales', true, { schema: 'Sales', table: 'Person' }],
  ['sales.person', 'sales', false, { schema: 'sales', table: 'person' }],
])('table %s with schema %s, addQuote %s', (table, schema, asWritten, expected) => {
  expect(parseTableName(table, schema, asWritten)).toEqual(expected)
})

test.each([
  ['a.b.c', undefined],
  ['', undefined],
  ['a.b', 'c'],
])('table %s with schema %s is refused', (table, schema) => {
  expect(() => parseTableName(table, schema, false)).toThrow(expect.objectContaining({ code: 'job/invalid' }))
})

test('near names are the nearest first', () => {
  expect(nearNames('ordres', ['orders', 'order_items', 'people', 'Orders'])).toEqual(['orders', 'Orders'])
  expect(nearNames('x', ['people'])).toEqual([])
})

test('bytes are printed for people', () => {
  expect([0, 1023, 1536, 64 * 1024 ** 2, 3 * 1024 ** 4].map(printBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.5 kB',
    '64 MB',
    '3 TB',
  ])
})
