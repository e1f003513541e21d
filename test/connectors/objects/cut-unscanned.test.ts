import fc from 'fast-check'
import { expect, test } from 'vitest'
import { defaultCsv } from '../../../shared/codecs/encoding.ts'
import { cutUnscanned } from '../../../shared/connectors/objects/cut-unscanned.ts'
import type { ObjectStore } from '../../../shared/ports/index.ts'

const encoding = { ...defaultCsv, multiLine: false }
const signal = new AbortController().signal

async function cut(whole: Buffer, targetBytes: number, headerRecords = 0) {
  let bytesRead = 0
  const store = {
    async *readRange(_: string, { start, end }: { start: number; end: number }) {
      bytesRead += end - start
      yield whole.subarray(start, end)
    },
  } as unknown as ObjectStore
  const head = { key: 'a.csv', etag: 'E', size: whole.length, lastModified: new Date(0), metadata: {} }
  const request = { encoding, headerRecords, targetBytes, signal }
  for await (const { ranges, names } of cutUnscanned(store, [head], request)) return { ranges, names, bytesRead }
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
          expect(text.length - (text.trimEnd().split('\n').at(-1)?.length ?? 0)).toBeLessThanOrEqual(targetBytes + 2)
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
