import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword } from '../support/postgres.ts'
import { dataxJob, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

const mariadb = await startMariadb()
const without = typeof mariadb === 'string' ? mariadb : null
const server = mariadb as TestMariadb

/**
 * A column of a database reader is any expression of SQL (dataworks-datax.md §3.3): constants, NULL, a function, one column
 * twice, and what is written without quotes in JSON.
 */
const column = ['id', '\'fix, "ed"\'', 'null', 'id', 'note', 1.5, true, 'upper(note)', "'it''s'", 'now()', 'note']
const columns =
  'id bigint, fixed text, nothing text, again bigint, note text, number numeric, yes text, loud text, its text'
const rest = 'at timestamp, note_again text'
const expected = [1, 2, 3].map((id) => ({
  ...{ id: String(id), fixed: 'fix, "ed"', nothing: null, again: String(id), note: `n ${id}`, number: '1.5' },
  ...{ loud: `N ${id}`, its: "it's", note_again: `n ${id}` },
}))
const picked = 'id::text, fixed, nothing, again::text, note, number::text, loud, its, note_again'

describe('expressions, constants and duplicates in column', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack({ MYSQL_PASSWORD: testPassword })
    if (without !== null) return
    const { host, port, database, user } = server.connection
    const datasource = { type: 'mysql', host, port, database, username: user, password: 'env:MYSQL_PASSWORD' }
    await stack.world.store.put(datasourceKey('my_local'), Buffer.from(JSON.stringify(datasource)))
  }, 120_000)
  afterAll(async () => {
    await stack?.close()
    if (without === null) await server.close()
  })

  const source = `id bigint primary key, note varchar(50)`
  const filled = "values (1, 'n 1'), (2, 'n 2'), (3, 'n 3')"

  async function run(
    name: string,
    table: string,
    reader: Record<string, unknown>,
    writer: ReturnType<typeof intoAdbpg>,
  ) {
    const parameter = { table, column, splitPk: 'id', ...reader }
    const job = dataxJob(unique('constants'), { name, parameter }, writer)
    await stack.putJob(job)
    expect(await stack.run({ job: job.name })).toMatchObject({
      state: 'succeeded',
      rows: { read: 3, loaded: 3 },
      error: null,
    })
  }

  it('go from PostgreSQL into ADBPG', async () => {
    const table = unique('constants')
    await stack.sql(`create table public.${table} (${source})`, stack.source)
    await stack.sql(`insert into public.${table} ${filled}`, stack.source)
    await stack.sql(`create table public.${table} (${columns}, ${rest})`)
    await run('postgresqlreader', `public.${table}`, { datasource: 'pg_local' }, intoAdbpg(`public.${table}`))
    expect(await stack.sql(`select ${picked} from public.${table} order by id`)).toEqual(expected)
  })

  async function inAdbpg() {
    const table = unique('constants')
    await stack.sql(`create table public.${table} (${source})`)
    await stack.sql(`insert into public.${table} ${filled}`)
    return table
  }

  it('go from ADBPG into OSS', async () => {
    const table = await inAdbpg()
    const parameter = {
      datasource: 'oss_local',
      object: `out/${table}/part`,
      writeMode: 'truncate',
      header: column.map((_, n) => `c${n}`),
    }
    await run('adbpgreader', `public.${table}`, { datasource: 'adbpg_local' }, {
      name: 'osswriter',
      parameter,
    } as never)
    const lines: string[] = []
    for await (const { key } of stack.world.store.list(`out/${table}/`))
      lines.push(...((await stack.world.store.read(key, 10_000))?.body.toString().trim().split('\n') ?? []))
    const wanted = [1, 2, 3].map(
      (n) => new RegExp(`^${n},"fix, ""ed""",.*,${n},n ${n},1\\.5,(t|true),N ${n},it's,[-0-9 :.+]+,n ${n}$`),
    )
    for (const line of wanted) expect(lines).toContainEqual(expect.stringMatching(line))
  })

  describe.skipIf(without !== null)(`with MySQL${without === null ? '' : `: ${without}`}`, () => {
    it('go from it into ADBPG', async () => {
      const table = unique('constants')
      await server.session.query(`create table ${table} (${source}); insert into ${table} ${filled}`)
      await stack.sql(`create table public.${table} (${columns}, ${rest})`)
      await run('mysqlreader', table, { datasource: 'my_local' }, intoAdbpg(`public.${table}`))
      expect(await stack.sql(`select ${picked} from public.${table} order by id`)).toEqual(expected)
    })

    it('go into it from ADBPG', async () => {
      const table = await inAdbpg()
      await server.session.query(
        `create table ${table} (${columns.replaceAll('numeric', 'decimal(10,1)')}, at datetime, note_again text)`,
      )
      const parameter = { datasource: 'my_local', table, column: ['*'] }
      await run('adbpgreader', `public.${table}`, { datasource: 'adbpg_local' }, {
        name: 'mysqlwriter',
        parameter,
      } as never)
      const [rows] = await server.session.query(
        `select cast(id as char) as id, fixed, nothing, cast(again as char) as again, note, cast(number as char) as number, loud, its, note_again from ${table} order by id`,
      )
      expect(rows).toEqual(expected)
    })
  })
})
