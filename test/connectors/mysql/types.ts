import { describe, expect, test } from 'vitest'
import type { OnMariadb } from './on-mariadb.ts'

/** Values of each type, as PostgreSQL takes them, and those that no COPY takes. */
export function describeTypes(on: OnMariadb): void {
  const { query, open, textOf, failure, asPostgres, column, readDirty } = on

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
}
