import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { countRecords } from '../../shared/codecs/count-records.ts'
import { createCsvScanner, newlineOf } from '../../shared/codecs/csv-scan.ts'
import { createCutter } from '../../shared/codecs/cut.ts'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { guardEndMarker } from '../../shared/codecs/end-marker.ts'
import { batchesOf } from '../../shared/codecs/records.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { gather } from '../contract/object-store.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

const encoding = defaultCsv
const lf = 0x0a
const maxRecordBytes = 1_000_000

/** Fields with everything that makes CSV hard; a quoted one may hold any of it. */
const quotedField = fc
  .string({ unit: fc.constantFrom('a', '"', '\n', '\r', ',', '\\', '.', 'é', '😀', ' '), maxLength: 8 })
  .map((text) => `"${text.replaceAll('"', '""')}"`)
const plainField = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '.', '\\', 'é', '😀'), maxLength: 5 })
const record = fc
  .tuple(...Array.from({ length: 3 }, () => fc.oneof(quotedField, plainField)))
  .map((fields) => fields.join(','))
const document = fc
  .tuple(fc.array(record, { minLength: 1, maxLength: 12 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
  .map(([records, newline, last]) => Buffer.from(records.join(newline) + (last ? newline : '')))

const endsOf = (pieces: readonly Buffer[], form = encoding): number[] => {
  const scanner = createCsvScanner(form, lf)
  const ends: number[] = []
  let base = 0
  for (const piece of pieces) {
    const { count, places } = scanner.find(piece)
    for (const place of places.subarray(0, count)) ends.push(base + place)
    base += piece.length
  }
  return ends
}

function slowEndsOf(bytes: Buffer, multiLine: boolean): number[] {
  const ends: number[] = []
  let inQuotes = false
  for (const [at, byte] of bytes.entries()) {
    if (byte === 0x22 && multiLine) inQuotes = !inQuotes
    if (byte === lf && !inQuotes) ends.push(at + 1)
  }
  return ends
}

const cutOf = (bytes: Buffer, targetBytes: number, pieceBytes = bytes.length) => {
  const cutter = createCutter({ encoding, newline: lf, headerRecords: 0, targetBytes })
  for (let at = 0; at < bytes.length; at += Math.max(1, pieceBytes))
    cutter.add(bytes.subarray(at, at + Math.max(1, pieceBytes)))
  return cutter.end().cuts
}

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('record ends', () => {
  it('are the same wherever the bytes are cut', () => {
    fc.assert(
      fc.property(document, (bytes) => {
        const whole = endsOf([bytes])
        for (let at = 0; at <= bytes.length; at += 1)
          expect(endsOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole)
      }),
      { numRuns: 150 },
    )
  })

  it('are those that a look at byte after byte finds, in blocks and windows of any fill', () => {
    const hostile = fc.constantFrom(0x00, 0x0a, 0x0a, 0x0d, 0x22, 0x22, 0x2c, 0x41, 0x8a, 0xa2, 0xff)
    const window = Buffer.alloc(262_144 + 100, `"a\n", b,\n""\nc${'x'.repeat(3001)}`)
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 400 }), fc.nat(200), fc.boolean(), (some, before, isLong) => {
        const bytes = Buffer.concat([isLong ? window.subarray(before) : window.subarray(0, before), Buffer.from(some)])
        expect(endsOf([bytes])).toEqual(slowEndsOf(bytes, true))
        expect(endsOf([bytes], { ...encoding, multiLine: false })).toEqual(slowEndsOf(bytes, false))
      }),
      { numRuns: 100 },
    )
  })

  it('follow the first line: a carriage return ends records only where no line feed follows it', () => {
    expect(newlineOf(Buffer.from('a,b\r\nc'), encoding)).toBe(0x0a)
    expect(newlineOf(Buffer.from('a,b\rc,d\r'), encoding)).toBe(0x0d)
    expect(newlineOf(Buffer.from('"a\nb",c\rd\n'), encoding)).toBe(0x0d)
    expect(newlineOf(Buffer.from('a,b\r'), encoding)).toBeNull()
    expect(newlineOf(Buffer.from('"a\n'), encoding)).toBeNull()
  })

  it('heed an escape character of its own', () => {
    const scanner = createCsvScanner({ ...encoding, escape: '\\' }, lf)
    const bytes = Buffer.from('"a\\"\nb"\n"c\\\\"\nd\n')
    const { count, places } = scanner.find(bytes)
    const ends = [...places.subarray(0, count)]
    expect(ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end).toString())).toEqual([
      '"a\\"\nb"\n',
      '"c\\\\"\n',
      'd\n',
    ])
  })
})

describe('cutting an object', () => {
  it('counts the records before each cut, and does not depend on the pieces that came', () => {
    fc.assert(
      fc.property(
        document,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        (bytes, targetBytes, pieceBytes) => {
          const cuts = cutOf(bytes, targetBytes)
          expect(cutOf(bytes, targetBytes, pieceBytes)).toEqual(cuts)
          const ends = [0, ...endsOf([bytes])]
          for (const cut of cuts.slice(0, -1)) expect(ends[cut.records]).toBe(cut.offset)
          expect(cuts.at(-1)?.offset ?? 0).toBe(bytes.length)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('names the record whose quote is never closed', () => {
    expect(() => cutOf(Buffer.from('a,b\n"c,d\ne,f\n'), 4)).toThrow(/record 2, which begins at byte 4/)
  })
})

describe('with PostgreSQL as the judge', () => {
  let server: TestServer
  let sql: SqlSession
  beforeAll(async () => {
    server = await startTestServer()
    sql = await server.connect()
    await sql.query('create temporary table t (n serial, a text, b text, c text)')
  })
  afterAll(async () => {
    await sql[Symbol.asyncDispose]()
    await server.close()
  })

  const copy = 'copy t (a, b, c) from stdin with (format csv)'
  const rowsOf = async (load: () => Promise<void>): Promise<unknown> => {
    await sql.query('truncate t')
    await load()
    return (await sql.query('select a, b, c from t order by n')).rows
  }
  const loads = async (body: AsyncIterable<Uint8Array>) => {
    await sql.copyIn(copy, body)
  }
  /** COPY demands one style of line end throughout, and takes a bare `\.` as the end: both are tested by themselves. */
  const isPlain = (bytes: Buffer) => !/(^|\n)\\\.(\r?\n|$)/.test(bytes.toString())

  it('chunks cut at any size give the rows of the whole file', async () => {
    await fc.assert(
      fc.asyncProperty(document.filter(isPlain), fc.integer({ min: 1, max: 60 }), async (bytes, targetBytes) => {
        const whole = await rowsOf(() => loads(inPieces(bytes, 1000)))
        const cuts = cutOf(bytes, targetBytes)
        const chunked = await rowsOf(async () => {
          for (const [index, cut] of cuts.slice(0, -1).entries()) {
            const counted = countRecords(inPieces(bytes.subarray(cut.offset, cuts[index + 1]?.offset), 3), {
              encoding,
              newline: lf,
              maxRecordBytes,
              shouldStop: () => false,
            })
            const { rows } = await sql.copyIn(copy, guardEndMarker(counted.body, encoding, lf))
            expect(rows).toBe(counted.records())
            expect(rows).toBe((cuts[index + 1]?.records ?? 0) - cut.records)
          }
        })
        expect(chunked).toEqual(whole)
      }),
      { numRuns: 250 },
    )
  })

  it('single records give the rows of the whole file, and their bytes its bytes', async () => {
    await fc.assert(
      fc.asyncProperty(document.filter(isPlain), fc.integer({ min: 1, max: 7 }), async (bytes, pieceBytes) => {
        const whole = await rowsOf(() => loads(inPieces(bytes, 1000)))
        const pieces: Buffer[] = []
        const single = await rowsOf(async () => {
          for await (const batch of batchesOf(inPieces(bytes, pieceBytes), {
            encoding,
            newline: lf,
            maxRecordBytes,
            maxRecords: 3,
            maxBytes: 20,
          })) {
            for (const one of batch) {
              expect(one.offset).toBe(pieces.reduce((sum, piece) => sum + piece.length, 0))
              pieces.push(one.bytes)
              expect(one.number).toBe(pieces.length)
              await loads(inPieces(one.bytes, 1000))
            }
          }
        })
        expect(single).toEqual(whole)
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
      }),
      { numRuns: 120 },
    )
  })

  it('a record that is only \\. is data, wherever the pieces are cut', async () => {
    await sql.query('create temporary table one (n serial, a text)')
    const bytes = Buffer.from('\\.\nx\n"a\n\\.\nb"\n\\.\r\ny\\.\n\\.z\n\\.')
    const plain = Buffer.from('"\\."\nx\n"a\n\\.\nb"\n"\\."\r\ny\\.\n\\.z\n"\\."')
    for (let size = 1; size <= bytes.length; size += 1) {
      expect((await gather(guardEndMarker(inPieces(bytes, size), encoding, lf))).toString()).toBe(plain.toString())
    }
  })

  it.each(['"a"\\.', 'x\n1,"a"\\.', 'y\\.', '"a\n\\.', ',\\.', '\n\\.'])(
    'the marker at the end of a file is quoted only where it is a record: %j',
    async (text) => {
      const expected = text === '\n\\.' ? '\n"\\."' : text
      for (let size = 1; size <= text.length; size += 1)
        expect((await gather(guardEndMarker(inPieces(Buffer.from(text), size), encoding, lf))).toString()).toBe(
          expected,
        )
    },
  )
})
