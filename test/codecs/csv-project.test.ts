import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCsvProjector, type Projection } from '../../shared/codecs/csv-project.ts'
import { createCsvScanner } from '../../shared/codecs/csv-scan.ts'
import { type CsvEncoding, copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import { guardEndMarker } from '../../shared/codecs/end-marker.ts'
import { TransferError } from '../../shared/errors/index.ts'
import { copyFromStatement } from '../../shared/load/copy-statement.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { transformRecords } from '../../shared/transform/rewrite.ts'
import { gather } from '../contract/object-store.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

const lf = 0x0a
const width = 3
const escaped: CsvEncoding = { ...defaultCsv, escape: '\\', delimiter: ';' }

const text = (unit: readonly string[], maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...unit), minLength: 0, maxLength })

/** Fields as a writer of that encoding would put them, with everything that makes CSV hard. */
const fieldOf = ({ delimiter, quote, escape: escaping }: CsvEncoding) => {
  const quoted = text(['a', quote, '\n', '\r', delimiter, escaping, '.', 'é', '😀', ' '], 8).map((value) => {
    const inner = escaping === quote ? value : value.replaceAll(escaping, escaping + escaping)
    return quote + inner.replaceAll(quote, escaping + quote) + quote
  })
  // A quote in the middle of an unquoted field toggles as well, for COPY and so for us.
  const halfQuoted = text(['a', delimiter, '\n'], 4).map((value) => `x${quote}${value}${quote}y`)
  return fc.oneof(quoted, halfQuoted, text(['a', 'b', ' ', '.', 'é', '😀'], 5), fc.constant('x'.repeat(60)))
}
const recordOf = (encoding: CsvEncoding) =>
  fc.tuple(...Array.from({ length: width }, () => fieldOf(encoding))).map((fields) => fields.join(encoding.delimiter))

const documentOf = (encoding: CsvEncoding) =>
  fc
    .tuple(fc.array(recordOf(encoding), { minLength: 1, maxLength: 8 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([records, newline, last]) => Buffer.from(records.join(newline) + (last ? newline : '')))

const fields = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: width - 1 }).map((index) => ({ index })),
    fc.constantFrom(null, '', 'plain', 'a,b;"c"\nd', '\\.', '\\').map((value) => ({ value })),
  ),
  { minLength: 1, maxLength: 5 },
)

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const project = async (encoding: CsvEncoding, projection: Projection, bytes: Buffer, pieceBytes: number) =>
  await gather(createCsvProjector(encoding, lf, projection).stream(inPieces(bytes, pieceBytes)))

describe.each([
  ['quotes doubled', defaultCsv],
  ['quotes escaped by a backslash, fields divided by a semicolon', escaped],
])('with PostgreSQL as the judge, %s', (_what, encoding) => {
  let server: TestServer
  let sql: SqlSession
  beforeAll(async () => {
    server = await startTestServer()
    sql = await server.connect()
    await sql.query('create temporary table whole (n serial, f0 text, f1 text, f2 text)')
    await sql.query('create temporary table picked (n serial, c0 text, c1 text, c2 text, c3 text, c4 text)')
  })
  afterAll(async () => {
    await sql[Symbol.asyncDispose]()
    await server.close()
  })

  const load = async (table: string, columns: string[], body: AsyncIterable<Uint8Array>) => {
    await sql.query(`truncate ${table}`)
    const statement = copyFromStatement({ schema: null, table }, columns, encoding)
    await sql.copyIn(statement, guardEndMarker(body, encoding, lf))
    return (await sql.query<Record<string, string | null>>(`select * from ${table} order by n`)).rows
  }

  it('picked fields are those of the whole record, wherever the bytes come apart', async () => {
    await fc.assert(
      fc.asyncProperty(
        documentOf(encoding),
        fields,
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        async (bytes, picked, pieceBytes, knowsWidth) => {
          const whole = await load('whole', ['f0', 'f1', 'f2'], inPieces(bytes, 1000))
          const columns = picked.map((_, column) => `c${column}`)
          const projection = { width: knowsWidth ? width : null, fields: picked }
          const projected = await project(encoding, projection, bytes, pieceBytes)
          const rows = await load('picked', columns, inPieces(projected, 1000))
          expect(rows).toHaveLength(whole.length)
          for (const [row, record] of whole.entries()) {
            for (const [column, field] of picked.entries()) {
              const expected = 'index' in field ? record[`f${field.index}`] : field.value
              expect(rows[row]?.[`c${column}`]).toBe(expected)
            }
          }
        },
      ),
      { numRuns: 250 },
    )
  })

  it('decoded fields are what the server reads, and arrive unchanged as COPY text', async () => {
    await fc.assert(
      fc.asyncProperty(documentOf(encoding), fc.integer({ min: 1, max: 40 }), async (bytes, pieceBytes) => {
        const whole = await load('whole', ['f0', 'f1', 'f2'], inPieces(bytes, 1000))
        const seen: (readonly (string | null)[])[] = []
        const { stream } = transformRecords({
          from: { encoding, newline: lf },
          to: copyText,
          projection: null,
          change: (given) => {
            seen.push(given)
            return given
          },
        })
        const written = await gather(stream(inPieces(bytes, pieceBytes)))
        expect(seen).toEqual(whole.map(({ f0, f1, f2 }) => [f0, f1, f2]))
        await sql.query('truncate whole')
        const statement = copyFromStatement({ schema: null, table: 'whole' }, ['f0', 'f1', 'f2'], copyText)
        await sql.copyIn(statement, inPieces(written, 1000))
        const rows = (await sql.query<Record<string, string | null>>('select * from whole order by n')).rows
        expect(rows.map(({ f0, f1, f2 }) => [f0, f1, f2])).toEqual(seen)
      }),
      { numRuns: 150 },
    )
  })
})

it('gives the same bytes at every cut, and record by record', () => {
  const projection = { width, fields: [{ index: 2 }, { value: 'k' }, { index: 0 }, { index: 2 }] }
  return fc.assert(
    fc.asyncProperty(documentOf(defaultCsv), async (bytes) => {
      const whole = await project(defaultCsv, projection, bytes, bytes.length)
      for (let size = 1; size <= bytes.length; size += 1)
        expect((await project(defaultCsv, projection, bytes, size)).equals(whole)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

it('refuses a record with other fields than the file', async () => {
  const projector = createCsvProjector(defaultCsv, lf, { width, fields: [{ index: 1 }] })
  expect(projector.record(Buffer.from('a,b,c\n'))?.toString()).toBe('b\n')
  for (const other of ['a,b\n', 'a,b,c,d\n', '\n', '"a,b",c\n'])
    expect(() => projector.record(Buffer.from(other))).toThrow(/another number of fields/)
  const bytes = Buffer.from('a,b,c\nd,e\n')
  await expect(project(defaultCsv, { width, fields: [{ index: 1 }] }, bytes, 4)).rejects.toMatchObject({
    code: 'record/column-count',
    context: { record: 2 },
  })
  const beyond = createCsvProjector(defaultCsv, lf, { width, fields: [{ index: 3 }] })
  expect(() => beyond.record(Buffer.from('a,b,c\n'))).toThrow(/too few/)
  const open = createCsvProjector(defaultCsv, lf, { width: null, fields: [{ index: 1 }] })
  expect(open.record(Buffer.from('a,b,c,d\r\n'))?.toString()).toBe('b\r\n')
  expect(() => open.record(Buffer.from('a\r\n'))).toThrow(/too few/)
})

it('hands on what it has before it holds more than a buffer', async () => {
  const line = `${'x'.repeat(1000)},${'y'.repeat(1000)},z\n`
  const bytes = Buffer.from(line.repeat(2000))
  const pieces: number[] = []
  const projector = createCsvProjector(defaultCsv, lf, { width, fields: [{ index: 2 }, { index: 0 }] })
  for await (const piece of projector.stream(inPieces(bytes, 64 * 1024))) pieces.push(piece.length)
  expect(pieces.reduce((sum, length) => sum + length, 0)).toBe(2000 * 1003)
  expect(Math.max(...pieces)).toBeLessThanOrEqual(512 * 1024)
})

describe.each([
  ['a quoted field may hold newlines', defaultCsv],
  ['every newline ends a record', { ...defaultCsv, multiLine: false }],
])('many records at once, %s', (_what, encoding) => {
  const long = fc.constantFrom('x'.repeat(255), 'y'.repeat(257), `"${'z,\n'.repeat(100)}"`, 'w'.repeat(262_144))
  const hard = fc.oneof({ weight: 20, arbitrary: fieldOf(encoding) }, { weight: 1, arbitrary: long })
  const document = fc
    .tuple(
      fc.array(fc.tuple(hard, hard, hard), { minLength: 1, maxLength: 80 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
    )
    .map(([records, newline, last]) =>
      Buffer.from(records.map((record) => record.join(',')).join(newline) + (last ? newline : '')),
    )

  it('are what they are one by one', async () => {
    await fc.assert(
      fc.asyncProperty(document, fields, fc.constantFrom(100, 5_000, 8_000_000), async (bytes, picked, pieceBytes) => {
        const projection = { width: null, fields: picked }
        const single = createCsvProjector(encoding, lf, projection)
        const one = (record: Buffer) => {
          try {
            return single.record(record)
          } catch (error) {
            if (!(error instanceof TransferError)) throw error
            return null
          }
        }
        const expected = recordsOf(bytes, encoding).map(one)
        const refused = expected.indexOf(null)
        const projecting = project(encoding, projection, bytes, pieceBytes)
        if (refused !== -1) await expect(projecting).rejects.toThrow(`record ${refused + 1} of the chunk`)
        else expect((await projecting).equals(Buffer.concat(expected.flatMap((record) => record ?? [])))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })
})

it('a record of other fields is refused by its number, wherever it stands', async () => {
  const projection = { width: 3, fields: [{ index: 0 }] }
  const documents = fc.tuple(fc.nat(9_000), fc.constantFrom('a,b\n', 'a,b,c,d\n', '\n'))
  await fc.assert(
    fc.asyncProperty(documents, async ([before, other]) => {
      const bytes = Buffer.from(`${'first,"b\n"",",third\r\n'.repeat(before)}${other}${'a,b,c\n'.repeat(3)}`)
      await expect(project(defaultCsv, projection, bytes, 100_000)).rejects.toThrow(`record ${before + 1} of the chunk`)
    }),
    { numRuns: 40 },
  )
})

/** Each with its newline. */
function recordsOf(bytes: Buffer, encoding: CsvEncoding): Buffer[] {
  const { count, places } = createCsvScanner(encoding, lf).find(bytes)
  const ends = [...places.subarray(0, count)]
  if ((ends.at(-1) ?? 0) < bytes.length) ends.push(bytes.length)
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

it('a short record at the very end of its memory is rewritten as any other', () => {
  const projector = createCsvProjector(defaultCsv, lf, { width: null, fields: [{ index: 0 }, { value: 'k' }] })
  for (let length = 1; length <= 8; length += 1) {
    for (let before = 0; before < 8; before += 1) {
      const memory = Buffer.alloc(before + length, 'x')
      expect(projector.record(memory.subarray(before))?.toString()).toBe(`${'x'.repeat(length)},k`)
    }
  }
})
