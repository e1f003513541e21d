import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultCsv, jsonLines } from '../../../shared/codecs/encoding.ts'
import { cutJson } from '../../../shared/connectors/objects/cut-json.ts'
import { cutUnscanned } from '../../../shared/connectors/objects/cut-unscanned.ts'
import { countingStore } from '../../support/counting-store.ts'

const encoding = { ...defaultCsv, multiLine: false }
const signal = new AbortController().signal

async function cut(whole: Buffer, targetBytes: number, headerRecords = 0, isJson = false) {
  const { store, head, bytesRead } = countingStore(whole)
  const request = { encoding: isJson ? jsonLines : encoding, headerRecords, targetBytes, signal }
  for await (const { ranges, names } of (isJson ? cutJson : cutUnscanned)(store, [head], request))
    return { ranges, names, bytesRead: bytesRead() }
  throw new Error('nothing was cut')
}

const line = fc.string({ unit: fc.constantFrom('a', ',', '"', '\r'), maxLength: 12 })

test('ranges hold every line once, begin at one, and are of the size asked for and a line more', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.boolean(),
      fc.integer({ min: 1, max: 50 }),
      async (lines, ends, targetBytes) => {
        const whole = Buffer.from(`x\n${lines.join('\n')}${ends ? '\n' : ''}`)
        const { ranges } = await cut(whole, targetBytes)
        expect(Buffer.concat(ranges.map(({ start, end }) => whole.subarray(start, end)))).toEqual(whole)
        for (const { start, end, records } of ranges) {
          expect([records, start === 0 || whole[start - 1] === 0x0a]).toEqual([null, true])
          const text = whole.subarray(start, end).toString()
          expect(text.length - (text.replace(/\n$/, '').split('\n').at(-1)?.length ?? 0)).toBeLessThanOrEqual(
            targetBytes + 2,
          )
        }
      },
    ),
  ))

test('of a large object only the beginning and the places of the cuts are read', async () => {
  const whole = Buffer.from('1,"a, b",2026-01-02\n'.repeat(3_000_000))
  const { ranges, bytesRead } = await cut(whole, 1024 * 1024)
  expect(ranges).toHaveLength(Math.ceil(whole.length / 1024 / 1024))
  expect(ranges[0]?.fields).toBe(3)
  expect(bytesRead).toBeLessThan(8 * 1024 * 1024 + 60 * 64 * 1024)
})

test('mark and header are left out, and a file without records has no range', async () => {
  const { ranges, names } = await cut(Buffer.from('\ufeffid,"a b"\n1,2\n'), 100, 1)
  expect([names, ranges.map(({ start, end }) => [start, end])]).toEqual([['id', 'a b'], [[12, 16]]])
  expect((await cut(Buffer.from('id,n\n'), 100, 1)).ranges).toEqual([])
})

test('of JSON Lines larger than a chunk only the places of the cuts are read; arrays and small ones are counted', async () => {
  const lines = Buffer.from('\ufeff {"id":1,"a":{"b":2}}\n'.repeat(1_000_000))
  const large = await cut(lines, 1024 * 1024, 0, true)
  expect(large.ranges).toHaveLength(Math.ceil((lines.length - 3) / 1024 / 1024))
  expect(large.ranges[0]).toMatchObject({ start: 3, records: null, newline: 0x0a })
  expect(large.bytesRead).toBeLessThan(10 * 1024 * 1024)
  expect(large.names).toEqual(['id', 'a', 'a.b'])
  expect((await cut(Buffer.from('{"a":1}\n\n{"b":"\\n"}'), 100, 0, true)).ranges).toMatchObject([
    { start: 0, end: 19, records: 3 },
  ])
  for (const mark of ['', '\ufeff']) {
    const array = Buffer.from(`${mark}\n [${'{"id":1},\n'.repeat(99)}{"id":2}] `)
    const { ranges } = await cut(array, 500, 0, true)
    expect(ranges.length).toBeGreaterThan(1)
    expect(ranges.reduce((sum, { records }) => sum + (records ?? 0), 0)).toBe(100)
    expect([ranges[0]?.newline, array[(ranges[0]?.start ?? 0) - 1], array[ranges.at(-1)?.end ?? 0]]).toEqual([
      0x2c, 0x5b, 0x5d,
    ])
  }
})
