import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CopyEncoding, defaultCsv } from '../../shared/codecs/encoding.ts'
import { asTransferError, TransferError } from '../../shared/errors/index.ts'
import { type IsolationRequest, loadIsolating } from '../../shared/load/isolate.ts'
import type { SourceRecord } from '../../shared/load/look-ahead.ts'
import { appendRecords } from '../../shared/load/put-records.ts'
import type { Sql, SqlSession } from '../../shared/ports/index.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

let server: TestServer
let session: SqlSession
beforeAll(async () => {
  server = await startTestServer()
  session = await server.connect()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await server.close()
})

const table = { schema: null, table: 'isolated' }
const put = (sql: Sql, encoding: CopyEncoding = defaultCsv) => appendRecords(sql, table, ['id', 'n', 'name'], encoding)

beforeEach(async () => {
  await session.query('drop table if exists isolated')
  await session.query(`create table isolated (
    id integer primary key, n integer not null check (n <> 13), name varchar(8))`)
})

/** Batches as a reader gives them: neighbours in one buffer. */
function recordsOf(lines: readonly (string | Uint8Array)[], batchRecords = 1000): SourceRecord[][] {
  const whole = Buffer.concat(lines.map((line) => Buffer.from(line)))
  let offset = 0
  const records = lines.map((line, index) => {
    const length = typeof line === 'string' ? Buffer.byteLength(line) : line.length
    const record = { bytes: whole.subarray(offset, offset + length), number: index + 1, offset, refusal: null }
    offset += length
    return record
  })
  const batches: SourceRecord[][] = []
  for (let at = 0; at < records.length; at += batchRecords) batches.push(records.slice(at, at + batchRecords))
  return batches
}

async function* each<T>(items: readonly T[]): AsyncIterable<T> {
  yield* items
}

interface Found {
  readonly number: number
  readonly offset: number
  readonly code: string
  readonly sqlstate: string | null
  readonly column: string | null
}

async function isolate(
  sql: Sql,
  lines: readonly (string | Uint8Array)[],
  options: Partial<IsolationRequest<SourceRecord>> = {},
) {
  const found: Found[] = []
  const counts = await sql.transaction(() =>
    loadIsolating(sql, {
      put: put(sql),
      records: each(recordsOf(lines)),
      onDirty: ({ number, offset }, { code, sqlstate, column }) => {
        found.push({ number, offset, code, sqlstate, column })
      },
      ...options,
    }),
  )
  const { rows } = await session.query<{ id: number }>('select id from isolated order by id')
  return { ...counts, found, ids: rows.map((row) => row.id) }
}

const good = (id: number) => `${id},1,ok\n`
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('a record is dirty only when it is refused alone', () => {
  test('clean records are loaded in one COPY', async () => {
    const counted = counting(session)
    const result = await isolate(counted.sql, numbers(1, 5000).map(good))
    expect(result).toMatchObject({ loaded: 5000, dirty: 0, found: [] })
    expect(counted.copies()).toBe(1)
  })

  test.each([
    ['first', 1],
    ['middle', 2500],
    ['last', 5000],
  ])('one bad record, the %s, is found with its number and offset', async (_, bad) => {
    const lines = numbers(1, 5000).map((id) => (id === bad ? `${id},x,ok\n` : good(id)))
    const offset = lines.slice(0, bad - 1).join('').length
    const result = await isolate(session, lines)
    expect(result.found).toEqual([{ number: bad, offset, code: 'record/format', sqlstate: '22P02', column: 'n' }])
    expect(result).toMatchObject({ loaded: 4999, dirty: 1 })
    expect(result.ids).toEqual(numbers(1, 5000).filter((id) => id !== bad))
  })

  test('ten bad records in twenty thousand cost about three COPYs each', async () => {
    const counted = counting(session)
    const isBad = (id: number) => id % 2000 === 7
    const lines = numbers(1, 20_000).map((id) => (isBad(id) ? `${id},,ok\n` : good(id)))
    const result = await isolate(counted.sql, lines)
    expect(result.found.map(({ number }) => number)).toEqual(numbers(1, 20_000).filter(isBad))
    expect(result.found[0]).toMatchObject({ code: 'record/constraint', sqlstate: '23502', column: 'n' })
    expect(result.ids).toHaveLength(19_990)
    expect(counted.copies()).toBeLessThan(60)
  })

  test('when all are bad, each costs one COPY and the bytes stay linear', async () => {
    const counted = counting(session)
    const lines = numbers(1, 1000).map((id) => `${id},13,ok\n`)
    const result = await isolate(counted.sql, lines)
    expect(result).toMatchObject({ loaded: 0, dirty: 1000, ids: [] })
    expect(result.found.map(({ number }) => number)).toEqual(numbers(1, 1000))
    expect(counted.copies()).toBeLessThan(1010)
  })

  test('of two records with one key the later is dirty, also across attempts', async () => {
    const lines = [...numbers(1, 300).map(good), good(7), ...numbers(301, 600).map(good), good(500), good(7)]
    for (const maxAttemptRecords of [20_000, 100, 1]) {
      await session.query('delete from isolated')
      const result = await isolate(session, lines, { maxAttemptRecords })
      expect(result.found.map(({ number, code, sqlstate }) => [number, code, sqlstate])).toEqual([
        [301, 'record/constraint', '23505'],
        [602, 'record/constraint', '23505'],
        [603, 'record/constraint', '23505'],
      ])
      expect(result.ids).toEqual(numbers(1, 600))
    }
  })
})

const kinds: readonly [string, string | Uint8Array, string, string | null][] = [
  ['too few fields', '2,1\n', 'record/column-count', '22P04'],
  ['too many fields', '2,1,ok,more\n', 'record/column-count', '22P04'],
  ['a blank line', '\n', 'record/column-count', '22P04'],
  ['invalid UTF-8', Buffer.from([0x32, 0x2c, 0x31, 0x2c, 0xff, 0xfe, 0x0a]), 'record/encoding', '22021'],
  ['a NUL byte', Buffer.from([0x32, 0x2c, 0x31, 0x2c, 0x61, 0x00, 0x0a]), 'record/nul-byte', '22021'],
  ['UTF-16 with its mark', Buffer.from('\ufeff2,1,a\n', 'utf16le'), 'record/encoding', '22021'],
  ['a text longer than its column', '2,1,123456789\n', 'record/format', '22001'],
  ['a number out of range', '2,99999999999,ok\n', 'record/format', '22003'],
  ['a value that CHECK refuses', '2,13,ok\n', 'record/constraint', '23514'],
  ['a quoted line end inside a bad record', '2,x,"a\nb"\n', 'record/format', '22P02'],
]

describe('every fault has its code', () => {
  test.each(kinds)('%s', async (_, bad, code, sqlstate) => {
    const result = await isolate(session, [good(1), '10,1,"a\nb"\n', bad, good(3), good(4)])
    expect(result.found.map((each) => [each.number, each.code, each.sqlstate])).toEqual([[3, code, sqlstate]])
    expect(result.ids).toEqual([1, 3, 4, 10])
  })

  test('the line that ends data before PostgreSQL 18 takes no record behind it along', async () => {
    const result = await isolate(session, [good(1), '\\.\n', good(3), good(4)])
    expect(result.found.map((each) => [each.number, each.code])).toEqual([[2, 'record/format']])
    expect(result.ids).toEqual([1, 3, 4])
  })

  test('an unclosed quote at the end of the data', async () => {
    const result = await isolate(session, [good(1), good(2), '3,1,"open\n4,1,ok\n'])
    expect(result.found.map((each) => [each.number, each.code])).toEqual([[3, 'record/unclosed-quote']])
    expect(result.ids).toEqual([1, 2])
  })

  test('a row that a trigger drops in silence is not counted as loaded', async () => {
    await session.query(`create or replace function drop_odd() returns trigger language plpgsql as
      'begin if new.id = 3 then return null; end if; return new; end'`)
    await session.query('create trigger drops before insert on isolated for each row execute procedure drop_odd()')
    const result = await isolate(session, numbers(1, 5).map(good))
    expect(result).toMatchObject({ loaded: 4, dirty: 1, ids: [1, 2, 4, 5] })
    expect(result.found).toMatchObject([{ number: 3, code: 'record/constraint' }])
  })

  test('records whose line ends differ are loaded all the same', async () => {
    const result = await isolate(session, ['1,1,ok\r\n', good(2), '3,1,ok\r\n', good(4), good(5)])
    expect(result).toMatchObject({ loaded: 5, dirty: 0, ids: [1, 2, 3, 4, 5] })
  })

  test('the last record may lack its line end', async () => {
    const result = await isolate(session, [good(1), '2,x,ok\n', '3,1,ok'])
    expect(result).toMatchObject({ loaded: 2, dirty: 1, ids: [1, 3] })
  })

  test('no value of a record stands in a reason', async () => {
    const messages: string[] = []
    const lines = ['1,secret,ok\n', '2,1,secretsecret\n', good(3), '3,1,secret\n', '4,13,secret\n']
    await isolate(session, lines, { onDirty: (_, reason) => void messages.push(JSON.stringify(reason)) })
    expect(messages).toHaveLength(4)
    expect(messages.join()).not.toContain('secret')
  })
})

describe('a server that names wrong lines', () => {
  const lies: readonly [string, (sent: number) => number][] = [
    ['any line', (sent) => 1 + Math.floor(random() * sent)],
    ['always the first', () => 1],
    ['always the last', (sent) => sent],
    ['a line that is not there', (sent) => sent + 1000],
  ]
  // A fixed sequence, so that a failure can be repeated.
  let seed = 42
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed / 2147483648
  }

  test.each(lies)('%s: the same records are dirty, in order', async (_, line) => {
    const counted = counting(lying(session, line))
    const isBad = (id: number) => id % 97 === 5 || (id > 400 && id < 420)
    const lines = numbers(1, 1000).flatMap((id) => (isBad(id) ? [`${id},13,ok\n`] : [good(id)]))
    lines.push(good(1), good(2))
    const result = await isolate(counted.sql, lines)
    const bad = numbers(1, 1000).filter(isBad)
    expect(result.found.map(({ number }) => number)).toEqual([...bad, 1001, 1002])
    expect(result.ids).toEqual(numbers(1, 1000).filter((id) => !isBad(id)))
    expect(result).toMatchObject({ loaded: 1000 - bad.length, dirty: bad.length + 2 })
    expect(counted.copies()).toBeLessThan(bad.length * 20)
  })
})

describe('what ends it', () => {
  test('an error of whoever is told of a dirty record, and the transaction is rolled back', async () => {
    const lines = [good(1), '2,x,ok\n', '3,x,ok\n', good(4)]
    let told = 0
    const onDirty = () => {
      told += 1
      if (told === 2) throw new TransferError('record/limit-exceeded', 'two are too many')
    }
    await expect(isolate(session, lines, { onDirty })).rejects.toMatchObject({ code: 'record/limit-exceeded' })
    const { rows } = await session.query('select 1 from isolated')
    expect(rows).toEqual([])
    expect(told).toBe(2)
  })

  test('a missing table is no record’s fault', async () => {
    await session.query('drop table isolated')
    const error = await isolate(session, [good(1)]).then(String, asTransferError)
    expect(error).toBeInstanceOf(TransferError)
    expect(error).toMatchObject({ context: { sqlstate: '42P01' } })
  })

  test('a read-only transaction is no record’s fault', async () => {
    await session.query('set default_transaction_read_only = on')
    try {
      await expect(isolate(session, [good(1)])).rejects.toMatchObject({ code: 'target/read-only' })
    } finally {
      await session.query('set default_transaction_read_only = off')
    }
  })

  test('an error of the stream of records comes out as it was', async () => {
    const broken = async function* () {
      yield* recordsOf([good(1)])
      throw new TransferError('connect/lost', 'cut short')
    }
    await expect(isolate(session, [], { records: broken() })).rejects.toMatchObject({ code: 'connect/lost' })
  })
})

function counting(sql: Sql): { sql: Sql; copies: () => number } {
  let copies = 0
  const copyIn: Sql['copyIn'] = (...words) => {
    copies += 1
    return sql.copyIn(...words)
  }
  return { sql: { ...sql, copyIn }, copies: () => copies }
}

/** The real session, but for the line in its errors (Greenplum 6.24 does so for duplicate keys). */
function lying(sql: Sql, line: (sent: number) => number): Sql {
  return {
    ...sql,
    async copyIn(text, body, signal) {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      try {
        return await sql.copyIn(text, each(pieces), signal)
      } catch (thrown) {
        const error = asTransferError(thrown)
        const sent = Buffer.concat(pieces).toString().split('\n').length - 1
        throw new TransferError(
          error.code,
          error.message,
          { ...error.context, line: line(sent) },
          { cause: error.cause },
        )
      }
    },
  }
}
