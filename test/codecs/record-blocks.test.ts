import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { copyText, defaultCsv, type Encoding } from '../../shared/codecs/encoding.ts'
import { oneAhead } from '../../shared/codecs/one-ahead.ts'
import {
  type BlockOrRecord,
  blocksOf,
  cutAtLine,
  newBlockBuffers,
  type RecordBlock,
} from '../../shared/codecs/record-blocks.ts'
import { batchesOf, type RawRecord } from '../../shared/codecs/records.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** As sockets give them: each piece is overwritten by the next. */
async function* lending(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  const lent = Buffer.alloc(size)
  for (let at = 0; at < bytes.length; at += size) yield lent.subarray(0, bytes.copy(lent, 0, at, at + size))
}

const newline = 0x0a
const maxRecordBytes = 6
const text = fc.string({ unit: fc.constantFrom('a', 'b', ',', '"', '\n', '\n'), maxLength: 80 })

async function recordsOf(whole: string, encoding: Encoding, longest = maxRecordBytes): Promise<RawRecord[]> {
  const options = { encoding, newline, maxRecords: 1000, maxBytes: 1e6, maxRecordBytes: longest }
  const found: RawRecord[] = []
  for await (const batch of batchesOf(inPieces(Buffer.from(whole), 1000), options)) found.push(...batch)
  return found
}

/** Their bytes are overwritten by the next but one. */
const kept = (one: BlockOrRecord): BlockOrRecord =>
  'block' in one ? { block: { ...one.block, bytes: Buffer.from(one.block.bytes) } } : one

describe('blocks of records', () => {
  it.each([defaultCsv, copyText])(
    'hold the records of $format in their places, wherever the bytes come apart',
    (encoding) =>
      fc.assert(
        fc.asyncProperty(text, fc.nat({ max: 20 }), fc.nat({ max: 30 }), async (whole, pieceBytes, maxBytes) => {
          const options = { encoding, newline, targetBytes: () => maxBytes, maxRecordBytes }
          const found: BlockOrRecord[] = []
          for await (const some of blocksOf(inPieces(Buffer.from(whole), pieceBytes + 1), options))
            found.push(kept(some))
          const records = await recordsOf(whole, encoding)
          for (const one of found) {
            if ('tooLarge' in one) {
              expect(one.tooLarge).toEqual(records.shift())
              continue
            }
            const { block } = one
            const inside = records.splice(0, block.records)
            expect(inside.every(({ isTooLarge }) => !isTooLarge)).toBe(true)
            expect(block.bytes).toEqual(Buffer.concat(inside.map(({ bytes }) => bytes)))
            expect(block.bytes.length).toBe(inside.reduce((sum, { length }) => sum + length, 0))
            expect(block.before).toEqual({ records: (inside[0]?.number ?? 0) - 1, bytes: inside[0]?.offset })
          }
          expect(records).toEqual([])
          expect(found.length).toBeLessThanOrEqual(
            1 + (maxBytes === 0 ? whole.length : (2 * whole.length) / Math.min(maxBytes, maxRecordBytes)),
          )
        }),
        { numRuns: 500 },
      ),
  )

  it('end with the record that is open where the body ends, of which the rest follows', () =>
    fc.assert(
      fc.asyncProperty(
        text,
        fc.nat({ max: 80 }),
        fc.nat({ max: 20 }),
        fc.nat({ max: 30 }),
        async (whole, at, piece, most) => {
          const bytes = Buffer.from(whole)
          const records = await recordsOf(whole, defaultCsv)
          const ends = records.map(({ offset, length }) => offset + length)
          const isOpen = whole.slice(0, at).split('"').length % 2 === 0
          const end = isOpen ? (ends.find((place) => place > at) ?? bytes.length) : Math.min(at, bytes.length)
          const options = {
            encoding: defaultCsv,
            newline,
            targetBytes: () => most,
            maxRecordBytes,
            origin: { start: 100, firstRecord: 11 },
            overrun: () => inPieces(bytes.subarray(at), piece + 1),
          }
          let taken = 0
          const all = async () => {
            for await (const one of blocksOf(inPieces(bytes.subarray(0, at), piece + 1), options))
              taken += 'block' in one ? one.block.bytes.length : one.tooLarge.length
          }
          if (whole.split('"').length % 2 === 0 && isOpen && end === bytes.length) {
            const last = records.at(-1)
            const context = { record: 10 + (last?.number ?? 0), offset: 100 + (last?.offset ?? 0) }
            await expect(all()).rejects.toMatchObject({ code: 'source/unclosed-quote', context })
            return
          }
          await all()
          expect(taken).toBe(end)
        },
      ),
      { numRuns: 1000 },
    ))

  it.each([
    ['csv', defaultCsv],
    ['csv whose lines end records', { ...defaultCsv, multiLine: false }],
    ['csv with an escape of its own', { ...defaultCsv, escape: '/' }],
    ['text', copyText],
  ])('say where a record may begin with a backslash: %s', (_, encoding) =>
    fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom('a', '.', '\\', '"', '\n', '\n'), maxLength: 40 }),
        fc.constantFrom(0, 1, 262_143, 262_144, 262_145),
        fc.constantFrom(1, 2, 3, 1_000_000),
        fc.nat({ max: 30 }),
        async (some, before, pieceBytes, most) => {
          const whole = Buffer.from(`${before === 0 ? '' : `${'x'.repeat(before - 1)}\n`}${some}`)
          const options = { encoding, newline, targetBytes: () => most, maxRecordBytes: 1_000_000 }
          for await (const one of blocksOf(inPieces(whole, Math.max(pieceBytes, before / 8)), options)) {
            if (!('block' in one)) continue
            const records = await recordsOf(one.block.bytes.toString(), encoding, 1_000_000)
            if (records.some(({ bytes }) => bytes[0] === 0x5c)) expect(one.block.mayHoldEndMarker).toBe(true)
            if (!some.includes('\\')) expect(one.block.mayHoldEndMarker).toBe(false)
          }
        },
      ),
      { numRuns: 300 },
    ),
  )

  it('are of the size asked for, and a record and a piece more', async () => {
    const line = `${'x'.repeat(99)}\n`
    const body = inPieces(Buffer.from(line.repeat(100_000)), 64 * 1024)
    const sizes: number[] = []
    for await (const one of blocksOf(body, {
      encoding: defaultCsv,
      newline,
      targetBytes: () => 1e6,
      maxRecordBytes: 1e6,
    }))
      if ('block' in one) sizes.push(one.block.bytes.length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1e7)
    for (const size of sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(1e6)
    expect(Math.max(...sizes)).toBeLessThan(1e6 + 64 * 1024 + line.length)
  })

  it('lie in two buffers, no larger than the longest record and a piece, whatever comes', () => {
    const longest = 700_000
    const lengths = fc.constantFrom(2, 60, 90_000, 600_000, longest, longest + 1, 3_000_000)
    const bodies = fc.array(lengths, { maxLength: 12 })
    return fc.assert(
      fc.asyncProperty(
        bodies,
        fc.constantFrom(10_000, 65_536, 1e6),
        fc.nat(500_000),
        async (sizes, pieceBytes, target) => {
          const records = sizes.map((size, index) =>
            Buffer.concat([Buffer.alloc(size - 1, 97 + index), Buffer.of(newline)]),
          )
          const buffers = newBlockBuffers()
          const options = { encoding: defaultCsv, newline, targetBytes: () => target, maxRecordBytes: longest, buffers }
          const lent = lending(Buffer.concat(records), pieceBytes)
          let next = 0
          for await (const one of oneAhead(blocksOf(lent, options))) {
            await nextTurn()
            if ('tooLarge' in one) {
              const record = records[next++] as Buffer
              expect(one.tooLarge.length).toBe(record.length)
              expect(one.tooLarge.bytes.equals(record.subarray(0, 4096))).toBe(true)
            } else {
              const inside = records.slice(next, next + one.block.records)
              expect(inside.every(({ length }) => length <= longest)).toBe(true)
              expect(one.block.bytes.equals(Buffer.concat(inside))).toBe(true)
              next += one.block.records
            }
            const mostBytes = Math.max(target, longest) + pieceBytes + 512 * 1024
            expect(Math.max(buffers.filling.length, buffers.other.length)).toBeLessThanOrEqual(mostBytes)
          }
          expect(next).toBe(records.length)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('are cut at the record in which a line lies', () =>
    fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 40 }), async (whole, line) => {
        const records = await recordsOf(whole, defaultCsv, 1000)
        const before = { records: 7, bytes: 50 }
        const block: RecordBlock = {
          bytes: Buffer.from(whole),
          records: records.length,
          mayHoldEndMarker: true,
          before,
        }
        const cut = cutAtLine(block, { encoding: defaultCsv, newline, line })
        // A line break at the very end begins no line.
        const lines = whole.split(/(?<=\n)/)
        if (whole === '' || line > lines.length) {
          expect(cut).toBeNull()
          return
        }
        if (cut === null) throw new Error('a line that is there was not found')
        const start = lines.slice(0, line - 1).join('').length
        const hit = records.findIndex(({ offset, length }) => start < offset + length)
        expect([cut.before.records, cut.record.records, cut.behind.records]).toEqual([hit, 1, records.length - hit - 1])
        const parts = [cut.before, cut.record, cut.behind]
        expect(Buffer.concat(parts.map((part) => part.bytes)).toString()).toBe(whole)
        let [recordsBefore, bytesBefore] = [7, 50]
        for (const part of parts) {
          expect(part.before).toEqual({ records: recordsBefore, bytes: bytesBefore })
          recordsBefore += part.records
          bytesBefore += part.bytes.length
        }
      }),
      { numRuns: 500 },
    ))

  it('begin with one as small as asked for, and go on with what they are told', async () => {
    const lines = Buffer.from('1,a\n'.repeat(100))
    const options = { encoding: defaultCsv, newline, targetBytes: () => 80, firstBytes: 12, maxRecordBytes }
    const records: number[] = []
    for await (const one of blocksOf(inPieces(lines, 4), options)) if ('block' in one) records.push(one.block.records)
    expect(records).toEqual([3, 20, 20, 20, 20, 17])
  })

  it('go on their way after a time, however slowly they come', async () => {
    const body = async function* () {
      for (let n = 0; n < 12; n += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield Buffer.from('1,a\n')
      }
    }
    const targetBytes = (gatheredMs: number) => (gatheredMs > 50 ? 0 : 1e6)
    const records: number[] = []
    for await (const one of blocksOf(body(), { encoding: defaultCsv, newline, targetBytes, maxRecordBytes: 1e6 }))
      if ('block' in one) records.push(one.block.records)
    expect(records.reduce((sum, count) => sum + count, 0)).toBe(12)
    // The first is closed behind the third piece at the latest; a slow machine makes more of them, not fewer.
    expect(records.length).toBeGreaterThan(3)
  })
})
