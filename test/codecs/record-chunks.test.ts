import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCsvScanner } from '../../shared/codecs/csv-scan.ts'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { oneAhead } from '../../shared/codecs/one-ahead.ts'
import { type ChunkOptions, recordChunksOf } from '../../shared/codecs/record-chunks.ts'

const lf = 0x0a
const options = (targetBytes: number, maxRecordBytes = 1_000_000): ChunkOptions => ({
  encoding: defaultCsv,
  newline: lf,
  targetBytes,
  maxRecordBytes,
  origin: { start: 0, firstRecord: 1 },
})

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** As it is used: the next chunk is made while this one is on its way, and only then is it looked at. */
async function chunksOf(bytes: Buffer, pieceBytes: number, how: ChunkOptions) {
  const chunks: { text: string; records: number; sourceBytes: number; isLast: boolean }[] = []
  for await (const chunk of oneAhead(recordChunksOf(inPieces(bytes, pieceBytes), how))) {
    await nextTurn()
    const { records, sourceBytes, isLast } = chunk
    chunks.push({ text: chunk.bytes.toString(), records, sourceBytes, isLast })
  }
  return chunks
}

/** Each with its newline. */
function recordsOf(bytes: Buffer): string[] {
  const { count, places } = createCsvScanner(defaultCsv, lf).find(bytes)
  const ends = [...places.subarray(0, count)]
  if (ends.at(-1) !== bytes.length && bytes.length > 0) ends.push(bytes.length)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end).toString())
}

const field = fc
  .tuple(fc.boolean(), fc.string({ unit: fc.constantFrom('a', '\n', ',', '"', 'é'), maxLength: 12 }))
  .map(([quoted, text]) => (quoted ? `"${text.replaceAll('"', '""')}"` : text.replaceAll(/[\n,"]/g, '')))
const document = fc
  .tuple(fc.array(fc.tuple(field, field), { maxLength: 20 }), fc.boolean())
  .map(([records, last]) => Buffer.from(records.map((fields) => fields.join(',')).join('\n') + (last ? '\n' : '')))

describe('chunks of records', () => {
  it('hold every byte once, whole records, and no more than asked, wherever the pieces end', async () => {
    const size = (max: number) => fc.integer({ min: 1, max })
    await fc.assert(
      fc.asyncProperty(document, size(40), size(60), size(60), async (bytes, piece, target, first) => {
        const records = recordsOf(bytes)
        const chunks = await chunksOf(bytes, piece, { ...options(target), firstBytes: Math.min(first, target) })
        expect(chunks.map(({ text }) => text).join('')).toBe(bytes.toString())
        let next = 0
        for (const { text, records: count, sourceBytes, isLast } of chunks) {
          if (isLast) expect(next + count).toBe(records.length)
          if (next === 0 && count > 1) expect(sourceBytes).toBeLessThanOrEqual(first)
          expect(text).toBe(records.slice(next, next + count).join(''))
          expect(sourceBytes).toBe(Buffer.byteLength(text))
          if (count > 1) expect(sourceBytes).toBeLessThanOrEqual(target)
          next += count
        }
        expect(next).toBe(records.length)
      }),
      { numRuns: 500 },
    )
  })

  it('hold the beginning of a record that is too large, at the end of a chunk, and count all of its bytes', async () => {
    const long = `"${'x\n'.repeat(300)}"\n`
    const bytes = Buffer.from(`a\nb\n${long}c\n${long}`)
    for (const piece of [1, 7, 64, 10_000])
      for (const target of [4, 50, 300, 5000]) {
        const chunks = await chunksOf(bytes, piece, options(target, 100))
        const sum = (of: 'records' | 'sourceBytes') => chunks.reduce((total, chunk) => total + chunk[of], 0)
        expect({ records: sum('records'), bytes: sum('sourceBytes') }).toEqual({ records: 5, bytes: bytes.length })
        if (target < 600) {
          const cut = chunks.filter(({ text, sourceBytes }) => sourceBytes > text.length)
          expect(cut.length).toBe(2)
          for (const { text } of cut) {
            expect(long.startsWith(text)).toBe(true)
            expect(text.length).toBeGreaterThan(100)
          }
        }
      }
  })

  it('say which is the last, as far as that is known', async () => {
    const last = async (text: string) => (await chunksOf(Buffer.from(text), 3, options(4))).map(({ isLast }) => isLast)
    expect(await last('a\nb\nc\n')).toEqual([false, true])
    expect(await last('a\nb\n')).toEqual([true])
  })

  it('of a body without an end of a quote are an error that says where it began, in the file', async () => {
    const how = { ...options(8), origin: { start: 100, firstRecord: 11 } }
    await expect(chunksOf(Buffer.from('aaaa\nbbbb\n"cc\ndd\n'), 3, how)).rejects.toMatchObject({
      code: 'source/unclosed-quote',
      context: { record: 13, offset: 110 },
    })
  })

  it('keep to two buffers, however long the body is', async () => {
    const seen = new Set<ArrayBufferLike>()
    for await (const { bytes } of recordChunksOf(
      inPieces(Buffer.from('abc,def\n'.repeat(20_000)), 5000),
      options(10_000),
    ))
      seen.add(bytes.buffer)
    expect(seen.size).toBe(2)
  })
})
