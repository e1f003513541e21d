import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword } from '../support/postgres.ts'
import { dataxJob, dirtyOf, fromOss, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

const mariadb = await startMariadb()
const without = typeof mariadb === 'string' ? mariadb : null
const server = mariadb as TestMariadb

/** A column in MySQL and in ADBPG, with its values; where PostgreSQL writes one otherwise, it stands behind. */
interface Edge {
  readonly mysql: string
  readonly adbpg: string
  readonly values: readonly (string | Buffer | null | readonly [mysql: string | Buffer, adbpg: string])[]
}

const texts = [
  ...[
    '',
    ' ',
    ' a ',
    'NULL',
    'null',
    '\\N',
    '\\',
    '\\\\',
    '\\.',
    "'",
    '"',
    '""',
    ',',
    '|',
    '\t',
    '\n',
    '\r',
    '\r\n',
    'a\nb',
  ],
  ...['\b\f\v', 'é', '数据', '💾', '👩‍👩‍👧', '\u{10ffff}', '\u2028', '\ufeff', 'x'.repeat(5000), 'a\0b', '\0'],
]
const nines = (count: number) => '9'.repeat(count)
const bytes = Buffer.from([...Array(256).keys()])
const hex = (value: Buffer) => `\\x${value.toString('hex')}`
const spoken = ['infinity', '-infinity', 'NaN', '0044-03-15 BC', '2016-12-31 23:59:60', '2016-12-31 23:59:59.999999']

const edges: Readonly<Record<string, Edge>> = {
  tiny: { mysql: 'tinyint', adbpg: 'smallint', values: ['-128', '127', '0', null] },
  truth: { mysql: 'tinyint(1)', adbpg: 'boolean', values: ['0', '1', '2', '-1'] },
  small: { mysql: 'smallint unsigned', adbpg: 'smallint', values: ['0', '32767', '32768', '65535'] },
  medium: { mysql: 'mediumint', adbpg: 'integer', values: ['-8388608', '8388607'] },
  whole: { mysql: 'int unsigned', adbpg: 'integer', values: ['2147483647', '2147483648', '4294967295'] },
  big: { mysql: 'bigint', adbpg: 'bigint', values: ['-9223372036854775808', '9223372036854775807'] },
  huge: { mysql: 'bigint unsigned', adbpg: 'numeric(20,0)', values: ['18446744073709551615', '9007199254740993'] },
  narrow: { mysql: 'bigint unsigned', adbpg: 'bigint', values: ['9223372036854775807', '9223372036854775808'] },
  exact: {
    mysql: 'decimal(38,10)',
    adbpg: 'numeric(38,10)',
    values: [`${nines(28)}.${nines(10)}`, `-${nines(28)}.${nines(10)}`, '0.0000000001', '0.0000000000'],
  },
  digits: { mysql: 'decimal(38,0)', adbpg: 'numeric', values: [nines(38), `-${nines(38)}`] },
  widest: { mysql: 'decimal(65,30)', adbpg: 'numeric(65,30)', values: [`-${nines(35)}.${nines(30)}`] },
  single: {
    mysql: 'float',
    adbpg: 'real',
    values: ['3.4028235e38', '1.1754944e-38', '1e-45', '16777216', '0.1', '123456.79'],
  },
  double: {
    mysql: 'double',
    adbpg: 'double precision',
    values: ['1.7976931348623157e308', '2.2250738585072014e-308', '5e-324', '0.1', '0.30000000000000004'],
  },
  bit: {
    mysql: 'bit(1)',
    adbpg: 'boolean',
    values: [
      [Buffer.from([1]), 'true'],
      [Buffer.from([0]), 'false'],
    ],
  },
  bits: {
    mysql: 'bit(9)',
    adbpg: 'bit(9)',
    values: [
      [Buffer.from([1, 255]), '111111111'],
      [Buffer.from([0, 5]), '000000101'],
    ],
  },
  day: {
    mysql: 'date',
    adbpg: 'date',
    values: ['0001-01-01', '1000-01-01', '9999-12-31', '2024-02-29', '1900-02-28', '0000-01-01', '2024-00-10'],
  },
  moment: {
    mysql: 'datetime(6)',
    adbpg: 'timestamp',
    values: [
      '0001-01-01 00:00:00.000000',
      '9999-12-31 23:59:59.999999',
      '2016-12-31 23:59:59.999999',
      '2024-03-10 02:30:00',
    ],
  },
  instant: {
    mysql: 'timestamp(6) null',
    adbpg: 'timestamptz',
    values: [
      ['1970-01-01 00:00:01.000001', '1970-01-01 00:00:01.000001+00'],
      ['2038-01-19 03:14:07.999999', '2038-01-19 03:14:07.999999+00'],
    ],
  },
  span: {
    mysql: 'time(6)',
    adbpg: 'interval',
    values: ['838:59:59.999999', '-838:59:59.999999', '00:00:00.000001', '-00:00:01'],
  },
  clock: {
    mysql: 'time(6)',
    adbpg: 'time',
    values: ['00:00:00', '23:59:59.999999', '24:00:00', '24:00:01', '-00:00:01'],
  },
  year: { mysql: 'year', adbpg: 'integer', values: ['1901', '2155', ['0000', '0']] },
  fixed: { mysql: 'char(10)', adbpg: 'varchar(10)', values: ['', 'a', 'é数💾', '\\N'] },
  text: { mysql: 'longtext', adbpg: 'text', values: [...texts, null] },
  short: { mysql: 'varchar(10)', adbpg: 'varchar(3)', values: ['abc', 'abcd', '💾💾💾', '💾💾💾💾', 'abc   '] },
  choice: { mysql: "enum('','a','é\\'')", adbpg: 'text', values: ['', 'a', "é'"] },
  choices: { mysql: "set('x','y')", adbpg: 'text', values: ['', 'x,y'] },
  json: { mysql: 'json', adbpg: 'json', values: ['{"a": [1.10, null, "\\\\ \\n \\u0000 💾"]}', '""', 'null'] },
  blob: {
    mysql: 'longblob',
    adbpg: 'bytea',
    values: [[bytes, hex(bytes)], [Buffer.alloc(0), '\\x'], [Buffer.from('\\x41'), hex(Buffer.from('\\x41'))], null],
  },
  padded: { mysql: 'binary(3)', adbpg: 'bytea', values: [[Buffer.from([0, 10, 92]), '\\x000a5c']] },
  uuid: { mysql: 'uuid', adbpg: 'uuid', values: ['123e4567-e89b-12d3-a456-426614174000'] },
  when: { mysql: 'varchar(40)', adbpg: 'timestamp', values: spoken },
  date_text: { mysql: 'varchar(40)', adbpg: 'date', values: spoken },
  number_text: { mysql: 'varchar(60)', adbpg: 'numeric', values: [...spoken, nines(38), '1e400', '-0', ''] },
  real_text: { mysql: 'varchar(60)', adbpg: 'double precision', values: [...spoken, '1e400', '-0', ''] },
}
/** Not in the way of any reserved word. */
const nameOf = (edge: string) => `e_${edge}`
const names = Object.keys(edges).map(nameOf)

/**
 * Every type × edge value: MySQL → ADBPG → OSS → ADBPG. PostgreSQL judges twice: what it takes by INSERT is what a row must
 * be, and what it refuses must be dirty.
 */
describe.skipIf(without !== null)(`the round trip${without === null ? '' : `: ${without}`}`, () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack({ MYSQL_PASSWORD: testPassword })
  })
  afterAll(async () => {
    await stack?.close()
    await server.close()
  })
  const table = unique('trip')
  const columns = Object.entries(edges)
    .map(([edge, { adbpg }]) => `${nameOf(edge)} ${adbpg}`)
    .join(', ')

  /** One value in a row of its own. @returns the numbers of rows that PostgreSQL refuses */
  async function fill(): Promise<number[]> {
    await server.session.query("set sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'")
    const typed = Object.entries(edges)
      .map(([edge, { mysql }]) => `${nameOf(edge)} ${mysql}`)
      .join(', ')
    await server.session.query(`create table ${table} (id int primary key, ${typed}) character set utf8mb4`)
    for (const kind of ['_expected', '', '_back'])
      await stack.sql(`create table public.${table}${kind} (id integer, ${columns})`)
    await using sql = await stack.world.connectSql(stack.adbpg, new AbortController().signal)
    const refused: number[] = []
    let id = 0
    for (const [edge, { values }] of Object.entries(edges))
      for (const value of values) {
        const name = nameOf(edge)
        id += 1
        const [given, wanted] = Array.isArray(value) ? value : [value, value]
        await server.session.query(`insert into ${table} (id, ${name}) values (?, ?)`, [id, given])
        const insert = sql.query(`insert into public.${table}_expected (id, ${name}) values ($1, $2)`, [id, wanted])
        await insert.catch(() => refused.push(id))
      }
    return refused
  }

  const differences = async (left: string, right: string) => {
    const asText = (kind: string) =>
      `select id, ${names.map((name) => `${name}::text`).join(', ')} from public.${table}${kind}`
    return await stack.sql(`(${asText(left)}) except (${asText(right)})`)
  }

  it('leaves every value as it was, or dirty with a reason', async () => {
    const refused = await fill()
    expect(refused.length).toBeGreaterThan(20)
    const settings = { errorLimit: { record: 1000 }, speed: { channel: 2 } }
    const { host, port, database, user } = server.connection
    const datasource = { type: 'mysql', host, port, database, username: user, password: 'env:MYSQL_PASSWORD' }
    await stack.world.store.put(datasourceKey('my_trip'), Buffer.from(JSON.stringify(datasource)))

    const reader = { name: 'mysqlreader', parameter: { datasource: 'my_trip', table, column: ['*'] } }
    const report = await stack.run({ job: dataxJob(table, reader, intoAdbpg(`public.${table}`), settings) })
    expect(report).toMatchObject({ state: 'succeeded', rows: { dirty: refused.length, filtered: 0 } })
    const dirty = await dirtyOf(stack, report)
    expect(dirty.map(({ raw }) => Number(raw.split('\t')[0])).sort((a, b) => a - b)).toEqual(refused)
    expect(dirty.every(({ code, reason }) => code.startsWith('record/') && reason.length > 10)).toBe(true)
    expect(await differences('', '_expected')).toEqual([])
    expect(await differences('_expected', '')).toEqual([])

    const out = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate', fileFormat: 'csv' }
    const adbpg = {
      name: 'adbpgreader',
      parameter: { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'] },
    }
    const exported = await stack.run({ job: dataxJob(`${table}_out`, adbpg, { name: 'osswriter', parameter: out }) })
    expect(exported).toMatchObject({ state: 'succeeded' })
    const back = dataxJob(`${table}_in`, fromOss(`out/${table}/*`), intoAdbpg(`public.${table}_back`))
    expect(await stack.run({ job: back })).toMatchObject({ state: 'succeeded', rows: { dirty: 0 } })
    expect(await differences('', '_back')).toEqual([])
    expect(await differences('_back', '')).toEqual([])
  })
})
