import { describe, expect, test } from 'vitest'
import { copyText } from '../../../shared/codecs/encoding.ts'
import type { OnMariadb } from './on-mariadb.ts'

/** Marks, slices, columns and statements of the reader, beyond the contract of all. */
export function describeReading(on: OnMariadb): void {
  const { server, never, query, open, textOf, failure } = on

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

    test('of several tables the nearest is named first', async () => {
      for (const name of ['a_near_table', 'b_near_table']) await query(`create or replace table ${name} (n int)`)
      await using source = await open({ table: 'b_near_tablex' })
      expect(await failure(source.columns() as Promise<unknown>)).toMatchObject({
        message: expect.stringMatching(/did you mean test\.b_near_table, test\.a_near_table\?/),
      })
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
}
