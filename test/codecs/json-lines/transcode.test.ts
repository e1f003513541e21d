import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyText } from '../../../shared/codecs/encoding.ts'
import { createJsonTranscoder } from '../../../shared/codecs/json-lines/transcode.ts'
import type { JsonColumn, JsonField } from '../../../shared/codecs/json-lines/write-record.ts'
import { fieldReader } from '../../../shared/codecs/read-fields.ts'
import { copyFromStatement } from '../../../shared/load/copy-statement.ts'
import type { SqlSession } from '../../../shared/ports/index.ts'
import { gather } from '../../contract/object-store.ts'
import { startTestServer, type TestServer } from '../../contract/postgres-server.ts'

const plain = (fields: readonly JsonField[]) => fields.map((): JsonColumn => 'plain')
const transcoder = (keys: readonly string[]) => {
  const fields = keys.map((key) => ({ key }))
  return createJsonTranscoder({ fields, columns: plain(fields) })
}
const readFields = fieldReader(copyText, 0x0a, (bytes) => bytes.toString('utf8'))
const fieldsOf = (keys: readonly string[], line: string) => {
  const written = transcoder(keys).record(Buffer.from(line))
  return written === null ? null : readFields(written)
}

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** Texts with everything that is hard in JSON or in COPY text; NUL and half characters are judged apart. */
const text = fc.string({
  unit: fc.constantFrom(
    'a',
    '"',
    '\\',
    '\n',
    '\r',
    '\t',
    '\b',
    '\f',
    '\u0001',
    '\u007f',
    '/',
    '.',
    'N',
    'é',
    '中',
    '😀',
    ',',
  ),
  maxLength: 8,
})
const number = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '1',
    '12345678901234567890123456789',
    '0.10000000000000000001',
    '1e400',
    '-2.50E-07',
    '9e+2',
  ),
  fc.integer().map(String),
)
/** A value as it is written: its JSON, in one of the forms that mean the same. */
const written = (value: unknown): fc.Arbitrary<string> => fc.constantFrom(JSON.stringify(value), escapedForm(value))
const escapedForm = (value: unknown) =>
  JSON.stringify(value)
    .replaceAll(/[^\0-\x7e]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll('/', '\\/')
const nested = fc.jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom('a', '"', '\\', '\n', 'é', '😀') })
const scalar = fc.oneof(text.chain(written), number, fc.constantFrom('true', 'false', 'null'))
const value = fc.oneof(
  scalar,
  nested.map((one) => JSON.stringify(one)),
)
const blank = fc.constantFrom('', '', '', ' ', '\t', ' \r ')
const keyNames = ['id', 'a', 'b', 'ab', 'é"\\', 'a.b', 'x', '']
const key = fc.constantFrom(...keyNames)
const member = fc
  .tuple(blank, key.chain(written), blank, blank, value, blank)
  .map(([a, name, b, c, of, d]) => `${a}${name}${b}:${c}${of}${d}`)
const object = fc
  .tuple(blank, fc.array(member, { maxLength: 7 }), blank)
  .map(([a, members, b]) => `${a}{${members.join(',')}}${b}`)

/** What JSON.parse makes of a line; undefined where it takes none, or no object. */
function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function accepts(line: string): boolean {
  try {
    transcoder(['nobody']).record(Buffer.from(line))
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'record/format' })
    return false
  }
}

describe('with JSON.parse as the judge', () => {
  it('values are those of the key that comes last, whatever the order, the blanks and the escapes', () => {
    const wanted = keyNames.filter((name) => name !== 'a.b')
    fc.assert(
      fc.property(object, (line) => {
        const expected = JSON.parse(line) as Record<string, unknown>
        const fields = fieldsOf(wanted, line)
        for (const [index, name] of wanted.entries()) {
          const given = Object.hasOwn(expected, name) ? expected[name] : null
          const field = fields?.[index] ?? null
          if (given === null || typeof given === 'string') expect(field).toBe(given)
          else if (typeof given === 'object') expect(JSON.parse(field ?? '')).toEqual(given)
          else expect(Object.is(JSON.parse(field ?? ''), given)).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('a line is taken exactly when it is a JSON object, whatever is broken in it', () => {
    const signs = [...'{}[]":,\\ \t\r01.eE+-tfnu/a', 'true', 'null', '\\u', '\u0001']
    const place = fc.nat(200)
    const change = fc.tuple(place, fc.constantFrom('cut', 'put', 'change', 'end'), fc.constantFrom(...signs))
    fc.assert(
      fc.property(object, fc.array(change, { minLength: 1, maxLength: 3 }), (line, changes) => {
        const broken = changes.reduce((text, [where, how, sign]) => {
          const at = where % (text.length + 1)
          if (how === 'end') return text.slice(0, at)
          return text.slice(0, at) + (how === 'cut' ? '' : sign) + text.slice(how === 'put' ? at : at + 1)
        }, line)
        if (broken.trim() === '') return
        expect([broken, accepts(broken)]).toEqual([broken, parsed(broken) !== undefined])
      }),
      { numRuns: 4000 },
    )
  })

  it.each([
    '{"a":01}',
    '{"a":1.}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":-}',
    '{"a":1e}',
    '{"a":1e+}',
    '{"a":0x1}',
    '{"a":-01}',
    '{"a":"b}',
    '{"a":"\t"}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":"\\u12',
    '{"a":tru}',
    '{"a":nul',
    '{"a":True}',
    '{"a":undefined}',
    '{"a":1}}',
    '{"a":1},',
    '{"a":1}{"a":2}',
    '{"a":1,}',
    '{,}',
    '{"a"}',
    '{"a":}',
    '{a:1}',
    "{'a':1}",
    '{"a":[1,]}',
    '{"a":[1}',
    '{"a":{"b":1]}',
    '[{"a":1}]',
    '"a"',
    '1',
    'null',
    'x',
    '{',
    '{"',
    '{"a":1} x',
    '{"a":1}\u00a0',
    '\ufeff{"a":1}',
    '// {"a":1}',
  ])('%j is refused', (line) => {
    expect(parsed(line)).toBeUndefined()
    for (const keys of [['a'], ['b'], ['a.b']])
      expect(() => transcoder(keys).record(Buffer.from(line))).toThrow(/no JSON object/)
  })

  it('objects may be nested a thousand deep, and no deeper', () => {
    const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`
    expect(accepts(deep(990))).toBe(true)
    expect(accepts(deep(100_000))).toBe(false)
  })
})

it('numbers keep every digit', () => {
  const digits = `-${'9'.repeat(300)}.${'1'.repeat(300)}e-12`
  expect(fieldsOf(['n'], `{"n":${digits}}`)).toEqual([digits])
})

it('a path goes into objects, where a key of that very name is taken too', () => {
  const keys = ['a.b', 'a', 'a.c.d']
  expect(fieldsOf(keys, '{"a":{"b":1,"c":{"d":"x"},"e":2}}')).toEqual(['1', '{"b":1,"c":{"d":"x"},"e":2}', 'x'])
  expect(fieldsOf(keys, '{"a.b":7}')).toEqual(['7', null, null])
  expect(fieldsOf(keys, '{"a":{"b":1},"a":{"c":{"d":2}}}')).toEqual([null, '{"c":{"d":2}}', '2'])
  for (const other of ['null', '5', '"b"', '[{"b":1}]'])
    expect(fieldsOf(keys, `{"a":{"b":1},"a":${other}}`)?.[0]).toBeNull()
})

it('texts that PostgreSQL cannot hold are refused where they are wanted, each with its reason', () => {
  const refusal = (line: string, keys: string[]) => {
    try {
      return transcoder(keys).record(Buffer.from(line))?.toString()
    } catch (error) {
      return error
    }
  }
  expect(refusal('{"a":"x\\u0000"}', ['a'])).toMatchObject({ code: 'record/nul-byte', context: { column: 'a' } })
  for (const half of ['\\ud83d', '\\ude00', '\\ud83dx', '\\ud83d\\ud83d', '\\ud83d\\u0041', '\\ud83d\\n'])
    expect(refusal(`{"a":"${half}"}`, ['a'])).toMatchObject({ code: 'record/encoding', context: { column: 'a' } })
  expect(refusal('{"a":"\\u0000\\ud800","b":"\\uD83D\\uDE00"}', ['b'])).toBe('😀\n')
})

describe('streams', () => {
  const fields = [{ key: 'id' }, { value: 'k\t' }, { key: 'a.b' }, { key: 'é"\\' }, { key: 'id' }]
  const create = () => createJsonTranscoder({ fields, columns: plain(fields) })
  const document = fc
    .tuple(
      fc.array(fc.oneof({ weight: 6, arbitrary: object }, { weight: 1, arbitrary: blank }), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
    )
    .map(([lines, newline, last]) => {
      const ended = lines.map((line) => line + newline).join('')
      // An empty line without an end is none.
      const bytes = Buffer.from(last || lines.at(-1) === '' ? ended : ended.slice(0, -newline.length))
      return { lines, bytes }
    })

  it('give the same bytes at every cut, and record by record', () =>
    fc.assert(
      fc.asyncProperty(document, async ({ lines, bytes }) => {
        const one = create()
        const single = Buffer.concat(lines.map((line) => one.record(Buffer.from(line)) ?? Buffer.alloc(0)))
        for (let size = 1; size <= bytes.length + 1; size += 1) {
          const whole = create()
          expect((await gather(whole.stream(inPieces(bytes, size)))).toString()).toBe(single.toString())
          expect(whole.leftOut()).toBe(one.leftOut())
        }
      }),
      { numRuns: 20 },
    ))

  it('name the first record that is wrong', async () => {
    const bytes = Buffer.from('{"id":1}\n\n{"id":2}\n{"id":}\n{"id":4}\n')
    await expect(gather(create().stream(inPieces(bytes, 7)))).rejects.toMatchObject({
      code: 'record/format',
      context: { record: 4, byte: 7 },
    })
  })

  it('hand on what they have before they hold more than a buffer, whatever the length of a line', async () => {
    const line = (length: number) => `{"id":"${'x'.repeat(length)}","a":{"b":"y"}}\n`
    const bytes = Buffer.from(line(1000).repeat(600) + line(700_000) + line(10).repeat(5))
    const pieces: Uint8Array[] = []
    for await (const piece of create().stream(inPieces(bytes, 64 * 1024))) pieces.push(piece)
    const expected = (length: number) => `${'x'.repeat(length)}\tk\\t\ty\t\\N\t${'x'.repeat(length)}\n`
    expect(Buffer.concat(pieces).toString()).toBe(
      expected(1000).repeat(600) + expected(700_000) + expected(10).repeat(5),
    )
    expect(pieces.filter((piece) => piece.length > 256 * 1024)).toHaveLength(1)
  })
})

describe('with PostgreSQL as the judge', () => {
  let server: TestServer
  let sql: SqlSession
  const names = ['t', 'j', 'b', 'numbers', 'texts', 'jsons']
  beforeAll(async () => {
    server = await startTestServer()
    sql = await server.connect()
    await sql.query(
      'create temporary table judged (n serial, t text, j json, b jsonb, numbers numeric[], texts text[], jsons json[])',
    )
  })
  afterAll(async () => {
    await sql[Symbol.asyncDispose]()
    await server.close()
  })

  /** Arrays of PostgreSQL have the same number of elements in each dimension. */
  const table = <T>(element: fc.Arbitrary<T>) =>
    fc.oneof(
      fc.array(element, { maxLength: 4 }),
      fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }))
        .chain(([wide, high]) =>
          fc.array(fc.array(element, { minLength: wide, maxLength: wide }), { minLength: high, maxLength: high }),
        ),
    )
  const row = fc.record({
    t: fc.option(text),
    j: nested,
    b: nested,
    numbers: table(fc.option(fc.integer())),
    texts: table(fc.option(text)),
    jsons: fc.array(
      nested.filter((one) => one !== null),
      { maxLength: 3 },
    ),
  })

  it('every value is in the table what it is in the file', async () => {
    const columns: JsonColumn[] = ['plain', 'json', 'json', 'array', 'array', 'json array']
    const { stream } = createJsonTranscoder({ fields: names.map((key) => ({ key })), columns })
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 300 }),
        async (rows, size) => {
          await sql.query('truncate judged')
          const bytes = Buffer.from(rows.map((one) => `${JSON.stringify(one)}\n`).join(''))
          await sql.copyIn(
            copyFromStatement({ schema: null, table: 'judged' }, names, copyText),
            stream(inPieces(bytes, size)),
          )
          const { rows: found } = await sql.query<{ row: string }>(
            'select row_to_json(r)::text as row from (select t, j, b, numbers, texts, jsons from judged order by n) as r',
          )
          expect(found.map(({ row: json }) => JSON.parse(json))).toEqual(JSON.parse(JSON.stringify(rows)))
        },
      ),
      { numRuns: 60 },
    )
  })
})
