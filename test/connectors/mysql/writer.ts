import { describe, expect, test } from 'vitest'
import type { MysqlConnection } from '../../../shared/ports/index.ts'
import { testPassword } from '../../support/postgres.ts'
import type { OnMariadb } from './on-mariadb.ts'

/** Rows that are written: values of each type, refusals, write modes and statements, beyond the contract of all. */
export function describeWriting(on: OnMariadb): void {
  const { server, query, failure, openWriter, load, texts } = on

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

    test('a view that takes no rows is refused by the plan, and one that takes them is not', async () => {
      await query('create or replace table typed (n int)')
      await query('create or replace view summed as select n, count(*) as rows_of_n from typed group by n')
      await query('create or replace view plain_view as select n from typed')
      const refused = await failure(openWriter({ table: 'summed' }).then((target) => target.promise()))
      expect(refused).toMatchObject({ code: 'job/unsupported', message: expect.stringMatching(/summed is a view/) })
      expect(await failure(load({ table: 'summed' }, '1\t2\n'))).toMatchObject({ code: expect.stringMatching(/./) })
      expect(await (await openWriter({ table: 'plain_view' })).promise()).toMatchObject({
        what: expect.stringMatching(/exactly once/),
      })
      await query('drop view summed')
      await query('drop view plain_view')
    })

    test('an account that may not make the table of chunks loads all the same', async () => {
      await server.root.query(
        `create database other; create table other.t (id int, name text); create user guest identified by '${testPassword}'; grant select, insert on other.t to guest`,
      )
      await using target = await openWriter({ table: 't' }, { database: 'other', user: 'guest' })
      await target.prepare()
      expect(on.postgres().log.lines.join('\n')).toMatch(/may not make it/)
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
}
