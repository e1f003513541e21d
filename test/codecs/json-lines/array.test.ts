import fc from 'fast-check'
import { expect, it } from 'vitest'
import { arrayAsLines } from '../../../shared/codecs/json-lines/array-as-lines.ts'
import { createArrayCutter } from '../../../shared/codecs/json-lines/cut-array.ts'
import { gather } from '../../contract/object-store.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** Cuts an array from behind its opening bracket, which comes in pieces. */
function cut(bytes: Buffer, targetBytes: number, size = 1000) {
  const cutter = createArrayCutter({ start: 1, targetBytes })
  for (let at = 1; at < bytes.length; at += size) cutter.add(bytes.subarray(at, at + size))
  return cutter.end().cuts
}

const blank = fc.constantFrom('', ' ', '\n', '\r\n', '\t ')
const hard = fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', ']', '[', '{', '}', 'é', '\n'), maxLength: 6 })
const element = fc
  .tuple(
    blank,
    fc.oneof(hard, fc.integer(), fc.constant(null), fc.jsonValue({ maxDepth: 2, stringUnit: 'grapheme' })),
    fc.constantFrom(0, 2),
    blank,
  )
  .map(([before, value, indent, after]) => `${before}${JSON.stringify(value, null, indent)}${after}`)
const array = fc
  .tuple(fc.array(element, { maxLength: 8 }), blank)
  .map(([elements, end]) => `[${elements.join(',')}]${end}`)

it('chunks of an array are its elements, one a line, wherever the bytes come apart', () =>
  fc.assert(
    fc.asyncProperty(
      array,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 60 }),
      async (text, size, targetBytes) => {
        const bytes = Buffer.from(text)
        const expected = JSON.parse(text) as unknown[]
        const cuts = cut(bytes, targetBytes, size)
        expect(cuts.at(-1)?.records).toBe(expected.length)
        const found: unknown[] = []
        for (const [index, { offset, records }] of cuts.slice(1).entries()) {
          const start = cuts[index] ?? { offset: 0, records: 0 }
          const range = bytes.subarray(1 + start.offset, 1 + offset)
          const lines = await gather(arrayAsLines(inPieces(range, size)))
          expect(lines).toHaveLength(range.length)
          const values = lines
            .toString()
            .split('\n')
            .filter((line) => line !== '')
          expect(values).toHaveLength(records - start.records)
          found.push(...values.map((line) => JSON.parse(line)))
        }
        expect(found).toEqual(expected)
      },
    ),
    { numRuns: 400 },
  ))

it.each([
  '[1,]',
  '[,1]',
  '[,]',
  '[1',
  '[',
  '[1] x',
  '[1][2]',
  '[1],',
  '[1],[2]',
  '[1]]',
  '[1,,2]',
  '["1]',
  '[{"a":1]',
  '[1]"',
  '[1, ',
])('what is no array is refused: %s', (text) => {
  expect(() => JSON.parse(text)).toThrow()
  for (let size = 1; size < 5; size += 1)
    expect(() => cut(Buffer.from(text), 4, size)).toThrow(expect.objectContaining({ code: 'source/malformed' }))
})

it('an element that is no JSON is a line that is none', async () => {
  const text = '{"a":1}},{"b":"\n"},tru,{"c":[1}]}'
  const lines = (await gather(arrayAsLines(inPieces(Buffer.from(text), 3)))).toString()
  expect(lines).toBe('{"a":1}}\n{"b":"\u0001"}\ntru\n{"c":[1}]}')
  for (const line of lines.split('\n')) expect(() => JSON.parse(line)).toThrow()
})
