import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultCsv } from '../../../shared/codecs/encoding.ts'
import { cutGuessed, guessStart } from '../../../shared/connectors/objects/cut-guessed.ts'
import { countingStore } from '../../support/counting-store.ts'

const newline = 0x0a

async function cut(whole: Buffer, targetBytes: number, headerRecords = 0) {
  const { store, head, bytesRead } = countingStore(whole)
  const request = { encoding: defaultCsv, headerRecords, targetBytes, signal: new AbortController().signal }
  for await (const { ranges, names } of cutGuessed(store, [head], request))
    return { ranges, names, bytesRead: bytesRead() }
  throw new Error('nothing was cut')
}

describe('cutting at guesses', () => {
  it('two windows that guess in the wrong order give no range twice', async () => {
    const { ranges } = await cut(Buffer.from('a"\n"\n"\na'), 1)
    expect(ranges.slice(1).map(({ start }) => start)).toEqual(ranges.slice(0, -1).map(({ end }) => end))
    for (const { start, end } of ranges) expect(end).toBeGreaterThan(start)
  })

  it('leaves no byte out and none in twice, whatever the bytes are; only the first range is sure of its start', () =>
    fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r'), minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        async (text, targetBytes) => {
          const whole = Buffer.from(text)
          const { ranges } = await cut(whole, targetBytes)
          expect(Buffer.concat(ranges.map(({ start, end }) => whole.subarray(start, end)))).toEqual(whole)
          expect(ranges.map(({ begins, records }) => [begins, records])).toEqual(
            ranges.map((_, index) => [index === 0 ? 'known' : 'guessed', null]),
          )
        },
      ),
    ))

  it('reads the beginning and a window at each cut, and skips the header', async () => {
    const whole = Buffer.from(`id,note\n${'1,"a\nb"\n'.repeat(3_000_000)}`)
    const { ranges, names, bytesRead } = await cut(whole, 1024 * 1024, 1)
    expect([names, ranges[0]?.start, ranges[0]?.fields]).toEqual([['id', 'note'], 8, 2])
    expect(ranges).toHaveLength(Math.ceil((whole.length - 8) / 1024 / 1024))
    expect(bytesRead).toBeLessThanOrEqual(256 * 1024 + 60 * 64 * 1024)
    for (const { start } of ranges) expect((start - 8) % '1,"a\nb"\n'.length).toBe(0)
  })
})

it('a header or a first record that is long is looked at all the same', async () => {
  const long = 'x'.repeat(1_000_000)
  const rows = '1,"a\nb"\n'.repeat(200_000)
  const withHeader = await cut(Buffer.from(`id,${long}\n${rows}`), 1024 * 1024, 1)
  expect([withHeader.names, withHeader.ranges[0]?.start]).toEqual([['id', long], 1_000_004])
  const { ranges } = await cut(Buffer.from(`1,${long}\n${rows}`), 1024 * 1024)
  expect([ranges[0]?.fields, ranges.length]).toEqual([2, 3])
})

it('a header without an end is refused, as nobody knows where the records begin', async () => {
  const whole = Buffer.from(`"id${'x'.repeat(9_000_000)}"\n1\n`)
  await expect(cut(whole, 1024 * 1024, 1)).rejects.toMatchObject({ code: 'source/malformed' })
})

describe('a guess', () => {
  const at = (window: string, fields: number | null) => guessStart(Buffer.from(window), defaultCsv, { newline, fields })

  it.each([
    ['a record that was begun before', 'xyz,1\n2,"a\nb"\n3,c\n4,d\n', 2, 6],
    ['a text in quotes that was begun before', 'line of a text\nline, too"\n2,"a\nb"\n3,c\n4,d\n', 2, 26],
    ['a text in quotes with a quote in it', 'he said ""yes""\nand\nno"\n2,"b"\n3,c\n4,"d"\n', 2, 24],
    ['lines of a text in a window without any quote look like records', '7,x\n8,y\n9,z\n', 2, 4],
    ['records whose width nobody knows', 'a"\n2,"b\nc"\n', null, 8],
    ['no record that ends', 'abc', 2, null],
    ['nothing but the inside of quotes', 'abc"', 2, null],
  ])('of %s', (_, window, fields, start) => expect(at(window, fields)).toBe(start))
})
