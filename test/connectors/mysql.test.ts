import { setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { copyText } from '../../shared/codecs/encoding.ts'
import type { ConnectorContext, RowTarget, Slice, Source } from '../../shared/connectors/contract.ts'
import { reader, writer } from '../../shared/connectors/mysql.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import { copyFromStatement } from '../../shared/load/copy-statement.ts'
import { connectMysql } from '../../shared/mysql/session.ts'
import type { MysqlConnection, SqlSession } from '../../shared/ports/index.ts'
import type { Found } from '../../shared/run/dirty.ts'
import { describeDirty } from '../../shared/run/dirty.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'
import { describeReader, type SeedRow } from '../contract/reader.ts'
import { describeWriter } from '../contract/writer.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword, testSecrets } from '../support/postgres.ts'

const mariadb = await startMariadb()
const without = typeof mariadb === 'string' ? mariadb : null
const server = mariadb as TestMariadb
let postgres: TestServer
let oracle: SqlSession
beforeAll(async () => {
  postgres = await startTestServer()
  oracle = await postgres.connect()
})
afterAll(async () => {
  await oracle[Symbol.asyncDispose]()
  await postgres.close()
  if (without === null) await server.close()
})

const never = new AbortController().signal
setMaxListeners(0, never)
const contextOf = (signal: AbortSignal): ConnectorContext => ({
  openStore: () => Promise.reject(new Error('no store here')),
  connectSql: (connection) => postgres.connect(connection, signal),
  connectMysql: (connection) => connectMysql(connection, { secrets: testSecrets, signal, log: postgres.log }),
  log: postgres.log,
  signal,
})
const secrets = [testPassword, 'wrong-horse-battery']
const query = async (text: string, values: unknown[] = []) => (await server.session.query(text, values))[0]

describe.skipIf(without !== null)(`on MariaDB${without === null ? '' : `: ${without}`}`, () => {
  describeReader<never>(reader as never, {
    wrongPasswordCode: 'connect/wrong-credentials',
    start: async () => ({
      context: contextOf,
      oracle: await postgres.connect(),
      log: postgres.log,
      secrets,
      withWrongPassword: (options: object) =>
        ({ ...options, connection: { ...server.connection, password: 'env:WRONG_PASSWORD' } }) as never,
      async seed(rows: readonly SeedRow[]) {
        await query('create or replace table seeded (id bigint, name text, key (id)) character set utf8mb4')
        for (const row of rows) await query('insert into seeded values (?, ?)', [...row])
        await query('analyze table seeded')
        return { connection: server.connection, table: 'seeded', column: ['*'], splitPk: 'id' } as never
      },
      async seedLarge() {
        await query('create or replace table large (id bigint, name text)')
        await query("insert into large select seq, repeat('x', 3000) from seq_1_to_15000")
        return { connection: server.connection, table: 'large', column: ['*'] } as never
      },
    }),
  })

  describeWriter<never>(writer as never, {
    kind: 'rows',
    wrongPasswordCode: 'connect/wrong-credentials',
    rows: async () => {
      const [rows] = await server.session.query({ sql: 'select id, name from written order by id', rowsAsArray: true })
      return rows as unknown[][]
    },
    start: async () => ({
      context: contextOf,
      session: null,
      log: postgres.log,
      secrets,
      withWrongPassword: (options: object) =>
        ({ ...options, connection: { ...server.connection, password: 'env:WRONG_PASSWORD' } }) as never,
      async fresh() {
        await query('create or replace table written (id varchar(10), name varchar(20)) character set utf8mb4')
        return { connection: server.connection, table: 'written', column: ['*'] } as never
      },
    }),
  })

  const open = (parameters: Record<string, unknown>, connection: Partial<MysqlConnection> = {}): Promise<Source> =>
    reader.open(
      reader.options.parse({ connection: { ...server.connection, ...connection }, column: ['*'], ...parameters }),
      contextOf(never),
    )

  async function textOf(source: Source, slice: Slice = { by: 'whole' }): Promise<string> {
    const { body } = await source.read(slice, copyText, never)
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(Buffer.from(piece))
    return Buffer.concat(pieces).toString()
  }
  const failure = (work: Promise<unknown>) => work.then(() => null, asTransferError)

  /** The values of one column as PostgreSQL takes them for a type, printed as text. */
  async function asPostgres(parameters: Record<string, unknown>, type: string, connection = {}) {
    await using source = await open(parameters, connection)
    await oracle.query('drop table if exists taken')
    await oracle.query(`create table taken (n serial, value ${type})`)
    const { body, encoding } = await source.read({ by: 'whole' }, copyText, never)
    await oracle.copyIn(copyFromStatement({ schema: null, table: 'taken' }, ['value'], encoding), body)
    const { rows } = await oracle.query<{ value: string | null }>('select value::text from taken order by n')
    return rows.map((row) => row.value)
  }

  /** A column of the type with these values, in order. */
  async function column(type: string, values: readonly unknown[]): Promise<Record<string, unknown>> {
    await query("set sql_mode = 'ALLOW_INVALID_DATES'")
    await query("set time_zone = '+00:00'")
    await query(`create or replace table typed (n int primary key auto_increment, value ${type}) character set utf8mb4`)
    for (const value of values) await query('insert into typed (value) values (?)', [value])
    await query('set sql_mode = default')
    return { table: 'typed', column: ['value'] }
  }

  describe('values', () => {
    test.each([
      ['tinyint', 'smallint', ['-128', '127', null, '0']],
      ['tinyint(1)', 'boolean', ['1', '0', null], ['true', 'false', null]],
      ['smallint unsigned', 'integer', ['65535', '0']],
      ['mediumint', 'integer', ['-8388608', '8388607']],
      ['int unsigned zerofill', 'bigint', ['4294967295', '7'], ['4294967295', '7']],
      ['bigint', 'bigint', ['-9223372036854775808', '9223372036854775807']],
      ['bigint unsigned', 'numeric', ['18446744073709551615', '9007199254740993']],
      [
        'decimal(65,30)',
        'numeric',
        ['12345678901234567890123456789012345.678901234567890123456789012345', '-0.000000000000000000000000000001'],
      ],
      [
        'decimal(38,0)',
        'numeric(38,0)',
        ['99999999999999999999999999999999999999', '-99999999999999999999999999999999999999'],
      ],
      [
        'double',
        'double precision',
        ['0.1', '1.7976931348623157e308', '5e-324', '0.30000000000000004'],
        ['0.1', '1.7976931348623157e+308', '5e-324', '0.30000000000000004'],
      ],
      ['year', 'integer', ['1901', '2155', '0000'], ['1901', '2155', '0']],
      ['date', 'date', ['1000-01-01', '9999-12-31', '0001-01-01', null]],
      ['datetime', 'timestamp', ['1000-01-01 00:00:00', '9999-12-31 23:59:59']],
      ['datetime(6)', 'timestamp', ['2016-12-31 23:59:59.999999', '2024-02-29 12:00:00.000001']],
      [
        'time(6)',
        'interval',
        ['838:59:59.999999', '-838:59:59.000001', '00:00:00.000000'],
        ['838:59:59.999999', '-838:59:59.000001', '00:00:00'],
      ],
      ["enum('a','','ü')", 'text', ['a', '', 'ü', null]],
      ["set('x','y','z')", 'text', ['x,z', '', null]],
      ['json', 'jsonb', ['{"a": [1, "\\\\ \\n 数"]}', null]],
      ['varchar(50)', 'text', ['', null, '\\N', '\\', 'a\tb\nc\rd', '\'"', '\b\f\v', 'NULL', '💾 数据 é', ' blank ']],
      ['longtext', 'text', ['x'.repeat(70_000), '\n'.repeat(66_000)]],
      ['inet6', 'text', ['2001:db8::1']],
      ['uuid', 'uuid', ['123e4567-e89b-12d3-a456-426614174000']],
    ] as const)('%s arrives in %s unchanged', async (type, target, values, expected = values as never) => {
      expect(await asPostgres(await column(type, values), target)).toEqual(expected)
    })

    test('a FLOAT keeps all its digits, which the server does not print', async () => {
      const values = [16777216, 0.1, 3.4028234663852886e38, 1.401298464324817e-45, 1.17549435e-38, 123456.7]
      expect(await asPostgres(await column('float', values), 'real')).toEqual([
        '1.6777216e+07',
        '0.1',
        '3.4028235e+38',
        '1e-45',
        '1.1754944e-38',
        '123456.7',
      ])
      expect(await asPostgres(await column('float', [0.1, 16777217]), 'text')).toEqual(['0.1', '16777216'])
    })

    test('bytes of any kind arrive in bytea', async () => {
      const all = Buffer.from([...Array(256).keys()])
      for (const type of ['blob', 'varbinary(300)', 'longblob'])
        expect(await asPostgres(await column(type, [all, Buffer.alloc(0), null]), 'bytea')).toEqual([
          `\\x${all.toString('hex')}`,
          '\\x',
          null,
        ])
      expect(await asPostgres(await column('binary(3)', [Buffer.from('a')]), 'bytea')).toEqual(['\\x610000'])
    })

    test('bits are bits: one is a boolean, several are never taken for a number', async () => {
      expect(await asPostgres(await column('bit(1)', [1, 0, null]), 'boolean')).toEqual(['true', 'false', null])
      expect(await asPostgres(await column('bit(1)', [1, 0]), 'integer')).toEqual(['1', '0'])
      expect(await asPostgres(await column('bit(9)', [5, 511]), 'bit(9)')).toEqual(['000000101', '111111111'])
      const wide = await column('bit(64)', [Buffer.from('8000000000000001', 'hex')])
      expect(await asPostgres(wide, 'bit(64)')).toEqual([`1${'0'.repeat(62)}1`])
      expect(await failure(asPostgres(await column('bit(3)', [5]), 'integer'))).toMatchObject({
        context: { sqlstate: '22P02' },
      })
    })

    test('a geometry is text, with long coordinates kept', async () => {
      const parameters = await column('geometry', [])
      await query("insert into typed (value) values (st_geomfromtext('POINT(1.5 -2.25)')), (null)")
      expect(await asPostgres(parameters, 'text')).toEqual(['POINT(1.5 -2.25)', null])
      await using raw = await open({ querySql: 'select value from typed' })
      expect(await failure(textOf(raw))).toMatchObject({ code: 'source/sql-failed', message: /st_astext/ })
    })

    test('an instant is the same instant, whatever the zone of the session', async () => {
      const parameters = await column('timestamp(6)', ['2024-03-10 07:00:00.123456', '1970-01-01 00:00:01.000000'])
      const utc = ['2024-03-10 07:00:00.123456+00', '1970-01-01 00:00:01+00']
      expect(await asPostgres(parameters, 'timestamptz')).toEqual(utc)
      const shanghai = { timeZone: '+08:00' }
      expect(await asPostgres(parameters, 'timestamptz', shanghai)).toEqual(utc)
      expect(await asPostgres(parameters, 'timestamp', shanghai)).toEqual([
        '2024-03-10 15:00:00.123456',
        '1970-01-01 08:00:01',
      ])
    })

    test('a zero date is what the connection says', async () => {
      const parameters = await column('datetime', ['0000-00-00 00:00:00', '2024-01-01 00:00:00'])
      expect(await asPostgres(parameters, 'timestamp')).toEqual([null, '2024-01-01 00:00:00'])
      expect(await asPostgres(parameters, 'timestamp', { zeroDates: 'round' })).toEqual([
        '0001-01-01 00:00:00',
        '2024-01-01 00:00:00',
      ])
      const { records } = await readDirty(parameters, { zeroDates: 'exception' })
      expect(records).toMatchObject([{ record: 1, column: 'value', code: 'record/format', raw: '0000-00-00 00:00:00' }])
    })

    test('a date with a zero month reaches PostgreSQL, which refuses it', async () => {
      expect(await failure(asPostgres(await column('date', ['2024-00-10']), 'date'))).toMatchObject({
        context: { sqlstate: '22008' },
      })
    })

    test.each(['latin1', 'gbk', 'utf8mb3', 'ucs2', 'utf16', 'big5'])(
      'texts stored as %s arrive as they are',
      async (charset) => {
        const values = charset === 'latin1' ? ['é ÿ €'] : ['中文', '\\']
        expect(await asPostgres(await column(`varchar(20) character set ${charset}`, values), 'text')).toEqual(values)
      },
    )
  })

  async function readDirty(parameters: Record<string, unknown>, connection: Partial<MysqlConnection> = {}) {
    await using source = await open(parameters, connection)
    const records: Found[] = []
    const { body } = await source.read({ by: 'whole' }, copyText, never, async (record, reason, origin) => {
      records.push(describeDirty(record, reason, origin))
    })
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    return { records, text: Buffer.concat(pieces).toString() }
  }

  describe('records that no COPY takes', () => {
    test('a NUL in a text is set aside with its place, and the rest goes on', async () => {
      const parameters = await column('text', ['a', 'b\0c', 'd', '\0'])
      const { records, text } = await readDirty(parameters)
      expect(text).toBe('a\nd\n')
      expect(records).toMatchObject([
        { source: 'typed', record: 2, offset: 2, bytes: 4, column: 'value', code: 'record/nul-byte', raw: 'b\0c' },
        { record: 4, offset: 8 },
      ])
      await using source = await open(parameters)
      expect(await failure(textOf(source))).toMatchObject({ code: 'record/nul-byte', context: { column: 'value' } })
    })

    test('a record over maxRecordBytes is set aside by its beginning, also over several packets', async () => {
      await query('create or replace table typed (n int primary key auto_increment, value longblob)')
      await query("insert into typed (value) values ('a'), (repeat('x', 2000)), (repeat('y', 20000000)), ('b')")
      const parameters = { table: 'typed', column: ['value'], maxRecordBytes: 1024 }
      const { records, text } = await readDirty(parameters)
      expect(text).toBe('\\\\x61\n\\\\x62\n')
      expect(records.map(({ record, code }) => [record, code])).toEqual([
        [2, 'record/too-large'],
        [3, 'record/too-large'],
      ])
    })
  })

  describe('the way to the server', () => {
    const cipher = "select variable_value from information_schema.session_status where variable_name = 'ssl_cipher'"

    test('is encrypted where the connection asks for it, and a certificate is checked where it asks for that', async ({
      skip,
    }) => {
      skip(!server.hasTls, 'there is no openssl to make a certificate')
      await using plain = await open({ querySql: cipher })
      expect(await textOf(plain)).toBe('\n')
      await using encrypted = await open({ querySql: cipher }, { ssl: 'require' })
      expect(await textOf(encrypted)).toMatch(/^TLS_|AES/)
      await using verified = await open({ querySql: cipher }, { ssl: 'verify-full' })
      expect(await failure(textOf(verified))).toMatchObject({
        code: 'connect/unreachable',
        message: expect.stringMatching(/certificate/),
      })
    })

    test('is what the server refuses: hosts, too many sessions', async () => {
      await server.root.query(
        `create user limited identified by '${testPassword}' with max_user_connections 1; grant select on test.* to limited`,
      )
      const limited = { ...server.connection, user: 'limited' }
      await using _only = await connectMysql(limited, { secrets: testSecrets, signal: never, log: postgres.log })
      await using source = await open({ querySql: 'select 1' }, { user: 'limited' })
      expect(await failure(textOf(source))).toMatchObject({ code: 'connect/too-many-connections' })
    })
  })

  describe('reading on from a mark', () => {
    const want = { concurrent: 2, targetBytes: 1024, arrived: null }

    /** Adds the values one after the other, each twice, and reads on after each. @returns the ids of each reading, and the marks */
    async function readOn(type: string, values: readonly string[], more: Record<string, unknown> = {}) {
      await query(`create or replace table marked (id int primary key auto_increment, mark ${type} null)`)
      await query('insert into marked (mark) values (null)')
      const readings: string[] = []
      const marks: (string | null)[] = []
      for (const value of values) {
        await query('insert into marked (mark) values (?), (?)', [value, value])
        await using source = await open({
          table: 'marked',
          column: ['id'],
          splitPk: 'id',
          incremental: { column: 'MARK', ...more },
        })
        const low = marks.at(-1) ?? null
        const asked = await source.askIncrement?.({ low, lowIncluded: low === null })
        if (asked === undefined) throw new Error('no increment')
        const { slices } = await source.split({ ...want, increment: asked.increment })
        const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
        readings.push(texts.join('').trim().split('\n').sort().join())
        marks.push(asked.increment.high)
      }
      return { readings, marks }
    }

    const twiceEach = ['2,3', '4,5', '6,7']

    test.each([
      ['bigint unsigned', ['9007199254740993', '9007199254740994', '18446744073709551615']],
      ['bigint', ['-9223372036854775808', '-9223372036854775807', '9223372036854775807']],
      [
        'decimal(65,30)',
        [`1.${'0'.repeat(29)}1`, `1.${'0'.repeat(29)}2`, `99999999999999999999999999999999999.${'9'.repeat(30)}`],
      ],
      ['datetime(6)', ['2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000002', '9999-12-31 23:59:59.999999']],
      ['datetime', ['1000-01-01 00:00:00', '2026-01-01 00:00:00', '2026-01-01 00:00:01']],
      ['date', ['2025-12-31', '2026-01-01', '2026-01-02']],
      ['varchar(20) character set utf8mb4 collate utf8mb4_bin', ["a'\\", "a'\\b", '𠮷']],
      ['varchar(20) character set latin1', ['a', 'ü', "ü'"]],
    ])('%s: each row comes once, as its exact text', async (type, values) => {
      expect(await readOn(type, values)).toEqual({ readings: twiceEach, marks: values })
    })

    test('the mark of a TIMESTAMP has its offset, and holds in another zone', async () => {
      const values = ['2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.000002', '2026-01-01 00:00:00.000003']
      const { readings, marks } = await readOn('timestamp(6)', values)
      expect(readings).toEqual(twiceEach)
      expect(marks).toEqual(values.map((value) => `${value}+00:00`))
      await query("insert into marked (mark) values ('2026-01-01 00:00:00.000004')")
      await using source = await open({ table: 'marked', incremental: { column: 'mark' } }, { timeZone: '+08:00' })
      const asked = await source.askIncrement?.({ low: marks[2] ?? null, lowIncluded: false })
      expect(asked?.increment.high).toBe('2026-01-01 08:00:00.000004+08:00')
      const { slices } = await source.split({ ...want, concurrent: 1, increment: asked?.increment ?? null })
      const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
      expect(texts.join('')).toBe('8\t2026-01-01 08:00:00.000004+08:00\n')
    })

    test('rows younger than the delay are left, on the clocks that are named', async () => {
      await query('create or replace table late (id int primary key, at datetime(6), seen timestamp(6) null, day date)')
      await query(`insert into late values
        (1, utc_timestamp(6) + interval 6 hour, now(6) - interval 2 hour, date(utc_timestamp() + interval 8 hour) - interval 1 day),
        (2, utc_timestamp(6) + interval 8 hour, now(6), date(utc_timestamp() + interval 8 hour))`)
      for (const [column, delay] of [
        ['at', '1h'],
        ['seen', '1h'],
        ['day', '0s'],
      ]) {
        const timeZone = column === 'seen' ? undefined : '+08:00'
        await using source = await open({ table: 'late', incremental: { column, delay, timeZone } })
        const asked = await source.askIncrement?.({ low: null, lowIncluded: true })
        const [row] = (await query(`select cast(${column} as char) as high from late where id = 1`)) as {
          high: string
        }[]
        expect(asked?.increment.high?.replace('+00:00', ''), column).toBe(row?.high)
      }
    })

    test.each([
      ['datetime', 'yesterday', 'job/invalid'],
      ['date', '2026-02-30', 'job/invalid'],
      ['int', '1 or true', 'job/invalid'],
      ['double', '1', 'job/unsupported'],
    ])('of %s, %s is refused', async (type, low, code) => {
      await query(`create or replace table marked (id int primary key, mark ${type} null)`)
      await using source = await open({ table: 'marked', incremental: { column: 'mark' } })
      expect(await failure(source.askIncrement?.({ low, lowIncluded: false }) as Promise<unknown>)).toMatchObject({
        code,
      })
    })
  })

  describe('splitting', () => {
    const want = { concurrent: 4, targetBytes: 1024, arrived: null, increment: null }

    test('unsigned keys beyond 2^63 are cut exactly', async () => {
      await query('create or replace table keyed (id bigint unsigned primary key)')
      await query('insert into keyed values (0), (9223372036854775808), (18446744073709551615)')
      await using source = await open({ table: 'keyed' })
      const { slices } = await source.split(want)
      const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
      expect(texts.join('').trim().split('\n').sort()).toEqual(['0', '18446744073709551615', '9223372036854775808'])
      expect(slices.length).toBeGreaterThan(1)
    })

    test.each([
      ['varchar(20) collate utf8mb4_general_ci', (n: number) => `${n % 2 ? 'K' : 'k'}${n}'\\é`],
      ['varchar(20) character set latin1', (n: number) => `ü${n}`],
      ['varbinary(20)', (n: number) => Buffer.from(`\xff${n}`, 'latin1')],
    ])('keys of %s are cut along their index: every row is in one range', async (type, keyOf) => {
      await query(`create or replace table texts (id ${type}, pad char(200), key (id))`)
      const keys = [...Array(3000).keys()].map((n) => [n % 500 === 0 ? null : keyOf(n), 'x'])
      await query('insert into texts values ?', [keys])
      await query('analyze table texts')
      await using source = await open({ table: 'texts', splitPk: 'ID', column: ['hex(id)'] })
      const { slices } = await source.split({ ...want, targetBytes: 40_000 })
      expect(slices.length).toBeGreaterThan(5)
      const texts = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
      expect(texts.every((text) => text.split('\n').length < 2000)).toBe(true)
      const [expected] = await server.session.query("select ifnull(hex(id), '\\\\N') as id from texts")
      expect(texts.join('').trim().split('\n').sort()).toEqual(
        (expected as { id: string }[]).map(({ id }) => id).sort(),
      )
    })

    test('a forged slice is refused and never becomes SQL', async () => {
      await using source = await open({ table: 'keyed' })
      for (const forged of [
        { by: 'keys', column: 'id', from: '1; drop table keyed', to: null },
        { by: 'texts', column: 'id', from: "61' or 1=1", to: null },
        { by: 'else', column: 'id' },
        { by: 'keys' },
      ])
        expect(await failure(textOf(source, forged))).toMatchObject({ code: 'event/invalid' })
    })
  })

  describe('what is read', () => {
    test('columns are SQL of the author, described without running them; names find floats and geometries', async () => {
      await query('create or replace table odd (`a``b` int, `select` float, g point, `Ü` varchar(3))')
      await query("insert into odd values (1, 16777216, point(1, 2), 'ä')")
      await using source = await open({
        table: 'odd',
        column: ['`a``b`', '`select`', 'G', "'c\\'d' as c", 'null', '1.50', 'now(3)'],
      })
      const columns = await source.columns()
      expect(columns?.map(({ name }) => name)).toEqual(['a`b', 'select', 'g', 'c', 'NULL', '1.50', 'now(3)'])
      expect(await textOf(source)).toMatch(/^1\t16777216\tPOINT\(1 2\)\tc'd\t\\N\t1\.50\t\d{4}-\d\d-\d\d .*\.\d{3}\n$/)
      await using whole = await open({ table: 'test.`odd`' })
      expect((await whole.columns())?.map(({ type }) => type)).toEqual(['int(11)', 'float', 'point', 'varchar(3)'])
    })

    test('querySql overrides the rest, may end with a semicolon, and is one slice', async () => {
      await using source = await open({ table: 'nothing', querySql: 'select 1 as a, 2 as a union select 3, 4 ; ' })
      expect((await source.columns())?.map(({ name, type }) => [name, type])).toEqual([
        ['a', 'int'],
        ['a', 'int'],
      ])
      const { slices } = await source.split({ concurrent: 4, targetBytes: 1, arrived: null, increment: null })
      expect(await textOf(source, slices[0]?.slice)).toBe('1\t2\n3\t4\n')
    })

    test('session statements hold for every session', async () => {
      await using source = await open({ querySql: 'select @given', session: ["set @given = 'ü'"] })
      expect(await textOf(source)).toBe('ü\n')
    })

    test('a reader writes nothing, whatever its SQL says', async () => {
      await query('create or replace table witness (n int)')
      await query(
        'create or replace function trace_left() returns int modifies sql data begin insert into witness values (1); return 1; end',
      )
      await using source = await open({ querySql: 'select trace_left()' })
      expect(await failure(textOf(source))).not.toBeNull()
      expect(await query('select * from witness')).toEqual([])
    })

    test.each([
      [{ table: 'keyd' }, {}, 'source/table-missing', /did you mean test\.keyed/],
      [{ table: 'odd', column: ['selct'] }, {}, 'source/column-missing', /did you mean select\? it has/],
      [{ table: 'odd', splitPk: 'x' }, {}, 'source/column-missing', /it has a`b/],
      [{ querySql: 'selec 1' }, {}, 'source/sql-failed', /syntax/],
      [{ table: 'odd' }, { database: 'nowhere' }, 'connect/permission-denied', /nowhere/],
      [{ table: 'mysql.global_priv' }, {}, 'source/table-missing', /global_priv/],
      [{ table: 'odd' }, { port: 1 }, 'connect/unreachable', /ECONNREFUSED/],
      [{ querySql: 'select sleep(0), (select 1 union select 2)' }, {}, 'source/sql-failed', /more than 1 row/],
    ])('%o with %o fails with %s', async (parameters, connection, code, message) => {
      await using source = await open(parameters, connection)
      const work = async () => {
        await source.columns()
        await source.split({ concurrent: 2, targetBytes: 1, arrived: null, increment: null })
        await textOf(source)
      }
      expect(await failure(work())).toMatchObject({ code, message: expect.stringMatching(message) })
    })

    test('a server that ends the session in the middle is told as a lost connection', async () => {
      await using source = await open({ querySql: "select repeat('x', 100000), seq from seq_1_to_20000" })
      const { body } = await source.read({ by: 'whole' }, copyText, never)
      const work = async () => {
        let isKilled = false
        for await (const _ of body) {
          if (isKilled) continue
          isKilled = true
          const [rows] = await server.root.query(
            "select id from information_schema.processlist where info like '%seq_1_to_20000%' and id <> connection_id()",
          )
          for (const { id } of rows as { id: number }[]) await server.root.query(`kill ${id}`)
        }
      }
      expect(await failure(work())).toMatchObject({ code: 'connect/lost' })
    })

    test('sessions are closed, also when a reader leaves early', async () => {
      const source = await open({ table: 'large' })
      await source.columns()
      const { body } = await source.read({ by: 'whole' }, copyText, never)
      for await (const _ of body) break
      await source[Symbol.asyncDispose]()
      await expect
        .poll(async () => {
          const [rows] = await server.root.query(
            "select count(*) as n from information_schema.processlist where user = 'tester'",
          )
          return (rows as { n: number }[])[0]?.n
        })
        .toBe(1)
    })
  })

  const openWriter = async (parameters: Record<string, unknown>, connection: Partial<MysqlConnection> = {}) =>
    (await writer.open(
      writer.options.parse({ connection: { ...server.connection, ...connection }, column: ['*'], ...parameters }),
      contextOf(never),
    )) as RowTarget

  let chunks = 0
  /** Loads lines of COPY text as one chunk. @returns what `put` counted */
  async function load(parameters: Record<string, unknown>, text: string | Buffer, connection = {}) {
    await using target = await openWriter(parameters, connection)
    await target.prepare()
    chunks += 1
    await using chunk = await target.openChunk({ runId: 'load', ordinal: chunks, part: 0 })
    const counts = await chunk.put(
      (async function* () {
        yield Buffer.from(text)
      })(),
    )
    await chunk.commit('{}')
    return counts
  }
  const texts = async (sql: string) =>
    (await server.session.query({ sql, rowsAsArray: true, typeCast: (field) => field.string() }))[0] as (
      | string
      | null
    )[][]

  describe('rows that are written', () => {
    test.each([
      ['bigint unsigned', ['18446744073709551615', '0', '\\N'], ['18446744073709551615', '0', null]],
      ['tinyint(1)', ['t', 'f', '1'], ['1', '0', '1']],
      ['decimal(38,10)', ['9999999999999999999999999999.0123456789', '-0.0000000001'], undefined],
      ['decimal(65,30)', ['12345678901234567890123456789012345.678901234567890123456789012345'], undefined],
      [
        'double',
        ['1.7976931348623157e+308', '5e-324', '0.30000000000000004'],
        ['1.7976931348623157e308', '5e-324', '0.30000000000000004'],
      ],
      ['date', ['1000-01-01', '9999-12-31', '2024-02-29'], undefined],
      [
        'datetime(6)',
        ['2024-01-01 00:00:00.000001', '1000-01-01 00:00:00', '2024-01-01 00:30:00+00'],
        ['2024-01-01 00:00:00.000001', '1000-01-01 00:00:00.000000', '2024-01-01 00:30:00.000000'],
      ],
      [
        'timestamp(6)',
        ['2024-03-10 07:00:00.123456+00', '1970-01-01 00:00:01'],
        ['2024-03-10 07:00:00.123456', '1970-01-01 00:00:01.000000'],
      ],
      ['time(6)', ['838:59:59.999999', '-00:00:01'], ['838:59:59.999999', '-00:00:01.000000']],
      ['year', ['1901', '2155'], undefined],
      ['bit(1)', ['t', 'f', '1'], ['\x01', '\0', '\x01']],
      ['bit(9)', ['B000000101', '111111111'], ['\0\x05', '\x01\xff']],
      ['json', ['{"a": "\\\\n \\\\" 数"}'], ['{"a": "\\n \\" 数"}']],
      ["enum('a','b')", ['a', '\\N'], ['a', null]],
      ['uuid', ['123e4567-e89b-12d3-a456-426614174000'], undefined],
      [
        'varchar(60)',
        ['', '\\N', 'it\'\'s "x"', '\\\\N', '\\\\', 'a\\tb\\nc\\rd\\be\\ff\\vg', '💾 数据 é %_', ' blank '],
        ['', null, 'it\'\'s "x"', '\\N', '\\', 'a\tb\nc\rd\be\ff\vg', '💾 数据 é %_', ' blank '],
      ],
    ] as const)('%s holds what was sent', async (type, sent, expected) => {
      await query(`create or replace table typed (n int primary key, value ${type}) character set utf8mb4`)
      const lines = sent.map((text, n) => `${n}\t${text}\n`).join('')
      expect(await load({ table: 'typed' }, lines)).toEqual({ copied: sent.length, loaded: sent.length })
      await query("set time_zone = '+00:00'")
      const rows = await texts('select value from typed order by n')
      const isBit = type.startsWith('bit')
      expect(rows.map(([value]) => (isBit ? Buffer.from(value ?? '', 'utf8').toString() : value))).toEqual(
        isBit ? rows.map(([value]) => value) : (expected ?? sent),
      )
      if (isBit) {
        const bits = await texts('select bin(value + 0) from typed order by n')
        expect(bits.flat()).toEqual(type === 'bit(1)' ? ['1', '0', '1'] : ['101', '111111111'])
      }
    })

    test('bytea becomes bytes, and a text its own', async () => {
      await query('create or replace table typed (n int primary key, value longblob)')
      const all = [...Array(256).keys()].map((byte) => byte.toString(16).padStart(2, '0')).join('')
      await load({ table: 'typed' }, `0\t\\\\x${all}\n1\t\\\\x\n2\té\n3\t\\\\xyz\n`)
      const hex = await texts('select lower(hex(value)) from typed order by n')
      expect(hex.flat()).toEqual([all, '', 'c3a9', Buffer.from('\\xyz').toString('hex')])
    })

    test('an instant is wall-clock time of the zone of the connection, also over a day and a year', async () => {
      await query('create or replace table typed (d datetime(3), t timestamp(3) null)')
      const lines = '2023-12-31 20:00:00.5+00\t2023-12-31 20:00:00.5+00\n2024-01-01 00:00:00\t2024-01-01 00:00:00\n'
      await load({ table: 'typed' }, lines, { timeZone: '+08:00' })
      await query("set time_zone = '+00:00'")
      expect(await texts('select * from typed')).toEqual([
        ['2024-01-01 04:00:00.500', '2023-12-31 20:00:00.500'],
        ['2024-01-01 00:00:00.000', '2023-12-31 16:00:00.000'],
      ])
    })

    test('a geometry is read from its text', async () => {
      await query('create or replace table typed (g point)')
      await load({ table: 'typed' }, 'POINT(1.5 -2.25)\n\\N\n')
      expect(await texts('select st_astext(g) from typed')).toEqual([['POINT(1.5 -2.25)'], [null]])
    })

    test.each([
      ['int', '1.5', /not an integer/],
      ['int', '2147483648', /Out of range/],
      ['int', 'x', /not an integer/],
      ['int unsigned', '-1', /Out of range/],
      ['decimal(5,2)', 'NaN', /not a number/],
      ['decimal(5,2)', '1000', /Out of range/],
      ['double', 'Infinity', /not a number/],
      ['double', '1e400', /Out of range|Illegal/i],
      ['date', 'infinity', /not a date/],
      ['date', '0044-03-15 BC', /not a date/],
      ['date', '10000-01-01', /not a date/],
      ['datetime', '-infinity', /not a time/],
      ['datetime', '0044-03-15 00:00:00 BC', /not a time/],
      ['datetime', '0001-01-01 00:00:00+00', /not a time/, { timeZone: '-01:00' }],
      ['timestamp', '2500-01-01 00:00:00', /Incorrect/],
      ['time', '839:00:00', /Incorrect|Out of range/],
      ['time', '1 day', /not a time/],
      ['bit(2)', '111', /too long/],
      ['bit(8)', '23', /not bits/],
      ["enum('a')", 'b', /truncated/],
      ['varchar(2)', 'abc', /too long/],
      ['varchar(10) character set latin1', '数', /Incorrect string/],
      ['varchar(2) not null', '\\N', /cannot be null/],
      ['json', '{', /CONSTRAINT/i],
      ['geometry', '0101000000', /not a geometry/],
    ] as const)(
      '%s refuses %s as the record it is, and nothing is left',
      async (type, text, message, connection?: Partial<MysqlConnection>) => {
        await query(
          `create or replace table typed (n int primary key auto_increment, value ${type}) character set utf8mb4`,
        )
        const error = await failure(load({ table: 'typed', column: ['n', 'value'] }, `2\t${text}\n`, connection))
        expect(error).toMatchObject({
          code: expect.stringMatching(/^record\//),
          message: expect.stringMatching(message),
        })
        expect(error?.message).not.toContain(`'${text}'`)
        expect(await texts('select * from typed')).toEqual([])
      },
    )

    test('a line that is refused is named, also behind statements that went well', async () => {
      await query('create or replace table typed (n int primary key, value varchar(3))')
      const lines = (bad: string) => [...Array(5000).keys()].map((n) => `${n}\t${n === 4321 ? bad : 'ok'}\n`).join('')
      expect(await failure(load({ table: 'typed' }, lines('long')))).toMatchObject({
        context: { line: 4322, column: 'value' },
      })
      expect(await failure(load({ table: 'typed' }, lines('a\tb')))).toMatchObject({
        code: 'record/column-count',
        context: { line: 4322 },
      })
    })

    test('0 stays 0 in a column that counts by itself', async () => {
      await query('create or replace table typed (n int primary key auto_increment, value text)')
      await load({ table: 'typed' }, '0\ta\n5\tb\n')
      expect(await texts('select n from typed')).toEqual([['0'], ['5']])
    })

    test.each([
      ['insert', {}, null, []],
      [
        'replace',
        {},
        { copied: 3, loaded: 3 },
        [
          ['1', 'new', null],
          ['2', 'newer', null],
        ],
      ],
      [
        'update',
        {},
        { copied: 3, loaded: 3 },
        [
          ['1', 'new', 'kept'],
          ['2', 'newer', null],
        ],
      ],
      [
        'update',
        { updateColumn: ['id'] },
        { copied: 3, loaded: 3 },
        [
          ['1', 'old', 'kept'],
          ['2', 'new', null],
        ],
      ],
      [
        'insert ignore',
        {},
        { copied: 3, loaded: 1 },
        [
          ['1', 'old', 'kept'],
          ['2', 'new', null],
        ],
      ],
    ])('writeMode %s %o: rows whose key is there', async (writeMode, more, counts, rows) => {
      await query('create or replace table keyed_rows (id int primary key, name varchar(9), more varchar(9))')
      await query("insert into keyed_rows values (1, 'old', 'kept')")
      const parameters = { table: 'keyed_rows', column: ['id', 'name'], writeMode, ...more }
      const work = load(parameters, '1\tnew\n2\tnew\n2\tnewer\n')
      if (counts === null)
        return expect(await failure(work)).toMatchObject({
          code: 'record/constraint',
          context: { errno: 1062 },
          message: "Duplicate entry … for key 'PRIMARY'",
        })
      expect(await work).toEqual(counts)
      expect(await texts('select * from keyed_rows order by id')).toEqual(rows)
    })

    test('a row longer than a packet is refused, and long rows go one by one', async () => {
      await query('create or replace table typed (n int primary key, value longtext)')
      await load({ table: 'typed' }, [1, 2, 3].map((n) => `${n}\t${'x'.repeat(15_000_000)}\n`).join(''))
      expect(await texts('select n, length(value) from typed')).toEqual([
        ['1', '15000000'],
        ['2', '15000000'],
        ['3', '15000000'],
      ])
      const error = await failure(load({ table: 'typed' }, `4\ta\n5\t${'y'.repeat(34_000_000)}\n`))
      expect(error).toMatchObject({
        code: 'record/too-large',
        message: expect.stringMatching(/max_allowed_packet/),
        context: { line: 2 },
      })
    })

    test('preSql and postSql run once each, @table is the table', async () => {
      await query('create or replace table typed (n int)')
      await using target = await openWriter({
        table: 'typed',
        preSql: 'insert into @table values (1);',
        postSql: ['update @table set n = 2', ''],
      })
      await target.prepare()
      await target.publish()
      expect(await texts('select n from typed')).toEqual([['2']])
    })

    test('what is promised depends on the engine', async () => {
      await query('create or replace table typed (n int) engine = InnoDB')
      expect(await (await openWriter({ table: 'typed' })).promise()).toMatchObject({
        what: expect.stringMatching(/exactly once/),
      })
      await query('create or replace table typed (n int) engine = MyISAM')
      const target = await openWriter({ table: 'typed' })
      expect(await target.promise()).toMatchObject({
        what: expect.stringMatching(/at least once/),
        why: expect.stringMatching(/MyISAM/),
      })
      await using chunk = await target.openChunk({ runId: 'isam', ordinal: 0, part: 0 })
      expect(chunk.isAtomic).toBe(false)
    })

    test('an account that may not make the table of chunks loads all the same', async () => {
      await server.root.query(
        `create database other; create table other.t (id int, name text); create user guest identified by '${testPassword}'; grant select, insert on other.t to guest`,
      )
      await using target = await openWriter({ table: 't' }, { database: 'other', user: 'guest' })
      await target.prepare()
      expect(postgres.log.lines.join('\n')).toMatch(/may not make it/)
      for (const ordinal of [0, 0]) {
        await using chunk = await target.openChunk({ runId: 'guest', ordinal, part: 0 })
        expect(chunk.before).toBeNull()
        await chunk.put(
          (async function* () {
            yield Buffer.from('1\ta\n')
          })(),
        )
        await chunk.commit('{}')
      }
      await target.forget('guest')
      const [rows] = await server.root.query('select count(*) as n from other.t')
      expect(rows).toEqual([{ n: 2 }])
    })

    test.each([
      [{ table: 'typd' }, 'target/table-missing', /did you mean test\.typed/],
      [{ table: 'typed', column: ['m'] }, 'target/column-missing', /no column m; did you mean n\?/],
      [{ table: 'typed', column: ['n', 'N'] }, 'job/invalid', /named twice/],
    ])('%o fails with %s', async (parameters, code, message) => {
      await using target = await openWriter(parameters)
      expect(await failure(target.columns())).toMatchObject({ code, message: expect.stringMatching(message) })
    })
  })
})
