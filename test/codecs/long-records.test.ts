import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { withoutLongRecords } from '../../shared/codecs/long-records.ts'
import { batchesOf, type RawRecord } from '../../shared/codecs/records.ts'
import { gather } from '../contract/object-store.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const lines = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\t'), maxLength: 12 }), { maxLength: 12 })
const text = fc
  .tuple(lines, fc.boolean())
  .map(([some, last]) => some.join('\n') + (last && some.length > 0 ? '\n' : ''))
/** Records as they are counted: with their line end. */
const recordsOf = (whole: string) => whole.match(/[^\n]*\n|[^\n]+$/g) ?? []
const placesOf = (records: readonly string[]) => {
  let offset = 0
  return records.map((record, index) => {
    const place = { number: index + 1, offset, length: record.length }
    offset += record.length
    return place
  })
}

const maxRecordBytes = 6

describe('a record that is too large', () => {
  it('is left out of COPY text, and told with its place, wherever the bytes come apart', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 20 }), async (whole, pieceBytes) => {
        const long: RawRecord[] = []
        const pieces: Buffer[] = []
        const told = async (record: RawRecord) => void long.push(record)
        // Each is valid until the next is asked for.
        for await (const piece of withoutLongRecords(inPieces(Buffer.from(whole), pieceBytes), maxRecordBytes, told))
          pieces.push(Buffer.from(piece))
        const kept = Buffer.concat(pieces)
        const records = recordsOf(whole)
        expect(kept.toString()).toBe(records.filter((record) => record.length <= maxRecordBytes).join(''))
        const places = placesOf(records).filter(({ length }) => length > maxRecordBytes)
        expect(long.map(({ number, offset, length }) => ({ number, offset, length }))).toEqual(places)
        for (const { bytes, offset } of long) expect(whole.slice(offset).startsWith(bytes.toString())).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('is marked among single records, which keep their numbers and offsets', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 20 }), async (whole, pieceBytes) => {
        const options = { encoding: defaultCsv, newline: 0x0a, maxRecords: 3, maxBytes: 20, maxRecordBytes }
        const found: RawRecord[] = []
        for await (const batch of batchesOf(inPieces(Buffer.from(whole), pieceBytes), options)) {
          found.push(...batch)
          expect(batch.length).toBeLessThanOrEqual(options.maxRecords)
          const bytes = batch.slice(0, -1).reduce((sum, record) => sum + record.bytes.length, 0)
          expect(bytes).toBeLessThan(options.maxBytes)
        }
        const records = recordsOf(whole)
        expect(found.map(({ number, offset, length }) => ({ number, offset, length }))).toEqual(placesOf(records))
        for (const [index, { bytes, isTooLarge, length }] of found.entries()) {
          expect(isTooLarge).toBe(length > maxRecordBytes)
          expect(records[index]?.startsWith(bytes.toString())).toBe(true)
          if (!isTooLarge) expect(bytes.length).toBe(length)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('is never held whole', async () => {
    const held: number[] = []
    const before = process.memoryUsage().arrayBuffers
    const endless = async function* () {
      for (let n = 0; n < 400; n += 1) {
        yield Buffer.alloc(1024 * 1024, 'x')
        if (n % 100 === 99) held.push(process.memoryUsage().arrayBuffers)
      }
      yield Buffer.from('\n')
    }
    const long: RawRecord[] = []
    const body = withoutLongRecords(endless(), 1024 * 1024, async (record) => void long.push(record))
    expect((await gather(body)).length).toBe(0)
    expect(long).toMatchObject([{ length: 400 * 1024 * 1024 + 1, isTooLarge: true }])
    expect(long[0]?.bytes.length).toBe(4096)
    expect(Math.max(...held) - before).toBeLessThan(200 * 1024 * 1024)
  })
})
