import { expect, test } from 'vitest'
import { adviceOn, tableOf } from '../../shared/cli/commands/dirty.ts'
import type { DirtyRecord } from '../../shared/load/dirty-record.ts'

const record: DirtyRecord = {
  piece: 'c0-p0',
  source: 'oss://bucket/key',
  record: 1_000_001,
  offset: 123_456_789,
  bytes: 5,
  column: 'a_long_name_of_a_column',
  code: 'record/constraint',
  sqlstate: '23505',
  reason: 'duplicate key value violates unique constraint',
  raw: 'x'.repeat(300),
  rawEncoding: 'utf8',
}

test.each([80, 100, 120, 200])('dirty records fit a terminal of %i columns', (width) => {
  const lines = tableOf([record], width).split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width)
  expect(lines.join('').replaceAll(/[^a-z/]/g, '')).toContain('record/')
})

test('what to do is said once for each code, in the order of the records', () => {
  const coded = (['record/encoding', 'record/format', 'record/encoding'] as const).map((code) => ({ code }))
  expect(adviceOn(coded)).toEqual([
    'record/encoding: Save the file as UTF-8, or set `encoding` of the reader.',
    'record/format: Correct the value for the type of its column.',
  ])
})
