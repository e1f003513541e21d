import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCopyText } from '../../../shared/codecs/copy-text.ts'
import { copyText } from '../../../shared/codecs/encoding.ts'
import { encodeJsonLines } from '../../../shared/codecs/json-lines/encode.ts'
import { createJsonTranscoder } from '../../../shared/codecs/json-lines/transcode.ts'
import { jsonColumnOf } from '../../../shared/codecs/json-lines/write-record.ts'
import { describeQuery } from '../../../shared/connectors/sql/describe-query.ts'
import { copyFromStatement, copyToStatement } from '../../../shared/load/copy-statement.ts'
import type { SqlSession } from '../../../shared/ports/index.ts'
import { gather } from '../../contract/object-store.ts'
import { startTestServer, type TestServer } from '../../contract/postgres-server.ts'

const maxBytes = 64 * 1024 * 1024

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const encode = async (text: string, types: readonly string[], size = 1000) => {
  const columns = types.map((type, index) => ({ name: `c${index}`, type }))
  return (await gather(encodeJsonLines(inPieces(Buffer.from(text), size), columns, maxBytes))).toString()
}

/** Of each type what is hard about it; arrays are made of these. */
const values: Readonly<Record<string, readonly string[]>> = {
  smallint: ['-32768', '0', '32767'],
  integer: ['-2147483648', '7'],
  bigint: ['-9223372036854775808', '9007199254740993'],
  'numeric(40,10)': ['123456789012345678901234567890.0123456789', '-0.0000000001', 'NaN'],
  numeric: ['1e-20', '1.10', '0', '1e30'],
  real: ['3.4028235e38', '1e-45', '-0', '0.1', 'NaN', 'Infinity', '-Infinity'],
  'double precision': ['1.7976931348623157e308', '5e-324', '-0', '0.30000000000000004', 'NaN', '-Infinity'],
  boolean: ['true', 'false'],
  text: [
    '',
    ' ',
    'null',
    'true',
    '1',
    '\\N',
    '\\.',
    '\\',
    '"',
    '{}',
    'a\tb\nc\rd\b\f\v\u0001\u007f',
    '数据 é 😀 \u2028',
    "'",
  ],
  'character(3)': ['a', 'abc'],
  'character varying(8)': ['x', '\\"'],
  bytea: ['\\x', '\\x00ff5c22'],
  date: ['2024-02-29', '0044-03-15 BC', 'infinity', '-infinity', '10000-01-01'],
  'time without time zone': ['24:00:00', '23:59:59.999999'],
  'time with time zone': ['12:00:00+05:30'],
  'timestamp without time zone': [
    '2024-02-29 12:00:00.000001',
    '0044-03-15 00:00:00 BC',
    'infinity',
    '10000-01-01 00:00:00',
  ],
  'timestamp with time zone': [
    '2024-02-29 12:00:00+00',
    '0044-03-15 01:02:03.5+00 BC',
    '-infinity',
    '12345-01-01 00:00:00+00',
  ],
  interval: ['1 year 2 mons 3 days 04:05:06.7', '-00:00:01'],
  uuid: ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  inet: ['10.0.0.1/8', '::1'],
  'bit varying': ['101', ''],
  point: ['(1,2.5)'],
  box: ['(2,2),(1,1)'],
  int4range: ['[1,5)', 'empty'],
  json: [
    '{"b": 1, "a" : [1, null, "x\\n\\u00e9"]}',
    '"text"',
    '12345678901234567890.10',
    'true',
    '[]',
    '{"a":1,"a":2}',
  ],
  jsonb: ['{"b": 1, "a": [1, null, "x\\n\\u0001"]}', '"te\\"xt"', '12345678901234567890.10'],
}
const types = Object.keys(values)
const names = types.map((_, index) => `c${index}`)
const arrays = types.map((_, index) => `a${index}`)
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

describe('with row_to_json as the judge', () => {
  let server: TestServer
  let sql: SqlSession
  beforeAll(async () => {
    server = await startTestServer()
    sql = await server.connect()
    await sql.query(`set timezone = 'UTC'`)
    const columns = types.flatMap((type, index) => [`c${index} ${type}`, `a${index} ${type}[]`])
    await sql.query(`create table edges (n serial, ${columns.join(', ')}, "odd ""name\\" text)`)
    const most = Math.max(...Object.values(values).map((list) => list.length))
    for (let row = 0; row < most; row += 1) {
      const cells = types.flatMap((type) => {
        const list = values[type] ?? []
        const own = list.map((value) => `${literal(value)}::${type}`)
        const one = own[row] ?? 'null'
        const wide = `array[${[...own, 'null'].join(', ')}]::${type}[]`
        // Of JSON, two dimensions look like one whose elements are arrays.
        const table = type.startsWith('json') ? wide : `array[[${one}, null], [${own[0]}, ${one}]]::${type}[]`
        const array = ['null', `array[]::${type}[]`, wide, table]
        return [one, array[row % array.length] ?? 'null']
      })
      await sql.query(`insert into edges values (${row}, ${cells.join(', ')}, '')`)
    }
  })
  afterAll(async () => {
    await sql[Symbol.asyncDispose]()
    await server.close()
  })

  const columnsOf = async () => await describeQuery(sql, 'select * from edges')
  const exported = async (size: number) => {
    const copied = await gather(sql.copyOut(copyToStatement('select * from edges order by n', copyText)))
    return await gather(encodeJsonLines(inPieces(copied, size), await columnsOf(), maxBytes))
  }

  it('every type and edge value is written as the server would', async () => {
    const { rows } = await sql.query<{ line: string }>('select row_to_json(e)::text as line from edges e order by n')
    const lines = (await exported(100_000)).toString().trimEnd().split('\n')
    expect(lines).toEqual(rows.map(({ line }) => line))
    expect((await exported(7)).toString().trimEnd().split('\n')).toEqual(lines)
  })

  it('comes back as it was', async () => {
    await sql.query('create temporary table back (like edges)')
    const columns = await columnsOf()
    const { stream } = createJsonTranscoder({
      fields: columns.map(({ name }) => ({ key: name })),
      columns: columns.map(({ type }) => jsonColumnOf(type)),
    })
    const into = copyFromStatement(
      { schema: null, table: 'back' },
      columns.map(({ name }) => name),
      copyText,
    )
    await sql.copyIn(into, stream(inPieces(await exported(1000), 333)))
    const texts = [...names, ...arrays, '"odd ""name\\"'].map((name) => `${name}::text`).join(', ')
    const [before, after] = await Promise.all(
      ['edges', 'back'].map(async (table) => (await sql.query(`select ${texts} from ${table} order by n`)).rows),
    )
    expect(after).toEqual(before)
  })
})

describe('COPY text becomes JSON', () => {
  it('whatever a text holds, and wherever the bytes come apart', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.option(fc.string({ unit: 'binary' })),
            fc.option(fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\t', '\u0007', 'é') })),
          ),
          { minLength: 1 },
        ),
        fc.integer({ min: 1, max: 50 }),
        async (rows, size) => {
          const kept = rows.map((row) => row.map((field) => (field === null ? null : Buffer.from(field).toString())))
          const lines = kept.map((row) => encodeCopyText(row).toString())
          const json = await encode(lines.join(''), ['text', 'text'], size)
          expect(
            json
              .trimEnd()
              .split('\n')
              .map((line) => JSON.parse(line)),
          ).toEqual(kept.map(([c0, c1]) => ({ c0, c1 })))
        },
      ),
      { numRuns: 50 },
    ))

  it('with its numbers as they are, and as texts where they are none', async () => {
    const types = [
      'numeric(20)',
      'numeric(6,2)',
      'double precision',
      'boolean',
      'jsonb',
      'timestamp(0) with time zone',
      'integer[]',
      'bigint',
    ]
    expect(
      await encode(
        '18446744073709551615\t0012.50\tNaN\tmaybe\t{"a":\\n1}\t2024-01-01 00:00:00+00:00\t[0:1]={1,2}\t2024\n',
        types,
      ),
    ).toBe(
      '{"c0":18446744073709551615,"c1":"0012.50","c2":"NaN","c3":"maybe","c4":{"a": 1},"c5":"2024-01-01T00:00:00+00:00","c6":[1,2],"c7":2024}\n',
    )
    expect(await encode('x\ty\tz\tt\t{"a":\t\\N\t{1,2\t\n', types)).toBe(
      '{"c0":"x","c1":"y","c2":"z","c3":true,"c4":"{\\"a\\":","c5":null,"c6":"{1,2","c7":""}\n',
    )
  })

  it('and never loses a field: a record with others than its columns is refused, as one that is too long', async () => {
    for (const line of ['1\n', '1\t2\t3\n', '\n'])
      await expect(encode(line, ['integer', 'text'])).rejects.toMatchObject({ code: 'record/column-count' })
    const long = inPieces(Buffer.from(`${'x'.repeat(5000)}\n`), 1000)
    await expect(gather(encodeJsonLines(long, [{ name: 'c', type: 'text' }], 3000))).rejects.toMatchObject({
      code: 'record/too-large',
    })
  })
})
