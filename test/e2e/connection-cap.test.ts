import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { eventually } from '../support/fc.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword } from '../support/postgres.ts'
import { dataxJob, intoAdbpg, startTestStack, type TestStack, unique } from '../support/stack.ts'

const mariadb = await startMariadb()
const without = typeof mariadb === 'string' ? mariadb : null
const server = mariadb as TestMariadb

const rows = 600
const never = new AbortController().signal

/** A datasource that caps its connections, and runs of several jobs at once; the servers are asked who is there. */
describe('a cap of connections', () => {
  let stack: TestStack
  beforeAll(async () => {
    stack = await startTestStack({ MYSQL_PASSWORD: testPassword })
    await capped('pg_two', 'postgresql', stack.source, 2)
    await capped('pg_one', 'postgresql', stack.source, 1)
    await capped('adbpg_one', 'adbpg', stack.adbpg, 1)
    await capped('adbpg_two', 'adbpg', stack.adbpg, 2)
    if (without !== null) return
    const { host, port, database, user } = server.connection
    const address = { type: 'mysql', host, port, database, username: user, password: 'env:MYSQL_PASSWORD' }
    for (const [name, maxConnections] of [
      ['my_one', 1],
      ['my_two', 2],
    ] as const)
      await stack.world.store.put(datasourceKey(name), Buffer.from(JSON.stringify({ ...address, maxConnections })))
  }, 120_000)
  afterAll(async () => {
    await stack?.close()
    if (without === null) await server.close()
  })

  const capped = async (
    name: string,
    type: string,
    { host, port, database, user }: PostgresConnection,
    cap: number,
  ) => {
    const password = 'env:ADBPG_LOCAL_PASSWORD'
    const definition = { type, host, port, database, username: user, password, maxConnections: String(cap) }
    await stack.world.store.put(datasourceKey(name), Buffer.from(JSON.stringify(definition)))
  }

  const sleepy = 'pg_sleep(0.001) is not null'
  const reading = (datasource: string, table: string, more: Record<string, unknown> = {}) => ({
    name: datasource.startsWith('pg') ? 'postgresqlreader' : 'adbpgreader',
    parameter: { datasource, table: `public.${table}`, column: ['*'], splitPk: 'id', where: sleepy, ...more },
  })
  const writing = (datasource: string, table: string) => intoAdbpg(`public.${table}`, { datasource })
  const speed = { speed: { channel: 3 }, errorLimit: { record: 0 } }

  async function filled(where: PostgresConnection = stack.source): Promise<string> {
    const table = unique('cap')
    await stack.sql(`create table public.${table} (id bigint primary key, note text)`, where)
    await stack.sql(`insert into public.${table} select n, repeat('x', 300) from generate_series(1, ${rows}) n`, where)
    await stack.sql(`analyze public.${table}`, where)
    return table
  }
  async function empty(table = unique('cap')): Promise<string> {
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    return table
  }
  const start = async (job: ReturnType<typeof dataxJob>) => {
    await stack.putJob(job)
    return await stack.start({ job: job.name })
  }
  /** All of them at once, each whole. */
  async function allSucceed(jobs: readonly ReturnType<typeof dataxJob>[], dirty = 0) {
    await stack.whileTicking(async () => {
      const runs = await Promise.all(jobs.map(start))
      for (const run of runs)
        expect(await stack.ended(run)).toMatchObject({
          state: 'succeeded',
          rows: { read: rows, loaded: rows - dirty, dirty },
        })
    })
  }

  /** The most that a statement has counted while work was done. */
  async function most(ask: () => Promise<number>, work: () => Promise<void>): Promise<number> {
    let over = false
    let highest = 0
    const sampling = (async () => {
      while (!over) highest = Math.max(highest, await ask())
    })()
    await work().finally(async () => {
      over = true
      await sampling
    })
    return highest
  }
  const counted = async (sql: SqlSession, text: string) => (await sql.query<{ n: number }>(text)).rows[0]?.n ?? 0

  it('holds for the runs of three jobs that read from PostgreSQL at once', async () => {
    const jobs = await Promise.all(
      [1, 2, 3].map(async () => {
        const table = await empty(await filled())
        return dataxJob(table, reading('pg_two', table), intoAdbpg(`public.${table}`), speed)
      }),
    )
    await using sql = await stack.world.connectSql(stack.source, never)
    // A look is over in a few statements; whoever has work is in a transaction.
    const working = `select count(*)::integer as n from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and query ilike 'copy%' and state = 'active'`
    expect(
      await most(
        () => counted(sql, working),
        () => allSucceed(jobs),
      ),
    ).toBe(2)
  }, 120_000)

  it('of one does not deadlock a job between two tables of one database, nor two of them', async () => {
    const tables = await Promise.all([1, 2].map(async () => ({ from: await filled(stack.adbpg), to: await empty() })))
    const jobs = tables.map(({ from, to }, index) => ({
      ...dataxJob(to, reading('adbpg_one', from), writing('adbpg_one', to), { ...speed, errorLimit: { record: 1 } }),
      ...(index === 0 ? {} : { mapping: 'byName' }),
    }))
    for (const { to } of tables) await stack.sql(`alter table public.${to} add check (id <> 300)`)
    const names = tables.flatMap(({ from, to }) => [from, to])
    await using sql = await stack.world.connectSql(stack.adbpg, never)
    const working = `select count(distinct l.pid)::integer as n from pg_locks l
      where l.locktype = 'relation' and l.pid <> pg_backend_pid() and l.mode in ('AccessShareLock', 'RowExclusiveLock')
        and l.relation in (${names.map((name) => `'public.${name}'::regclass`).join(', ')})`
    expect(
      await most(
        () => counted(sql, working),
        () => allSucceed(jobs, 1),
      ),
    ).toBe(1)
  }, 120_000)

  it('lets exports end, of which one may hold a snapshot and another may not', async () => {
    const jobs = await Promise.all(
      ['adbpg_one', 'adbpg_two', 'adbpg_two'].map(async (datasource) => {
        const table = await filled(stack.adbpg)
        const parameter = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
        return dataxJob(table, reading(datasource, table), { name: 'osswriter', parameter }, speed)
      }),
    )
    await allSucceed(jobs)
  }, 120_000)

  it('gives a connection back when its holder is killed', async () => {
    const table = await empty(await filled())
    await stack.crashAt('load/mid-copy')
    await allSucceed([dataxJob(table, reading('pg_one', table), intoAdbpg(`public.${table}`), speed)])
    expect(await stack.crashed()).toBe(true)
  }, 120_000)

  it('makes work wait without counting it as a failure', async () => {
    const table = await empty(await filled())
    const waits = `select count(*)::integer as n from adbpg_sync.slot_wait w
      join adbpg_sync.run r on r.run_id = w.run_id where r.job = '${table}'`
    const holder = await stack.world.connectSql({ ...stack.source, maxConnections: 1 }, never)
    const run = await start(dataxJob(table, reading('pg_one', table), intoAdbpg(`public.${table}`), speed))
    await stack.whileTicking(async () => {
      // With leases that double, five of them would take more than 15 seconds.
      await eventually(async () => ((await stack.sql<{ n: number }>(waits))[0]?.n ?? 0) >= 5 || null, 14_000)
      await holder[Symbol.asyncDispose]()
      expect(await stack.ended(run)).toMatchObject({ state: 'succeeded', rows: { loaded: rows } })
    })
    expect(await stack.sql(`select * from adbpg_sync.failure where run_id = '${run}'`)).toEqual([])
  }, 120_000)

  describe.skipIf(without !== null)(`of MySQL${without === null ? '' : `: ${without}`}`, () => {
    const asRoot = async (text: string) => (await server.root.query(text))[0] as { n: number }[]
    const { database } = without === null ? server.connection : { database: '' }

    it('holds for the runs of three jobs that read at once', async () => {
      const jobs = await Promise.all(
        [1, 2, 3].map(async () => {
          const table = await empty()
          await server.session.query(`create table ${table} (id bigint primary key, note varchar(300))`)
          await server.session.query(
            `insert into ${table} select seq, repeat('x', 300) from seq_1_to_${rows}; analyze table ${table}`,
          )
          const parameter = { datasource: 'my_two', table, column: ['*'], splitPk: 'id', where: 'sleep(0.001) = 0' }
          return dataxJob(table, { name: 'mysqlreader', parameter }, intoAdbpg(`public.${table}`), speed)
        }),
      )
      const working = `select count(*) as n from information_schema.processlist
        where db = '${database}' and info like '%sleep(0.001)%' and info not like '%processlist%'`
      const highest = await most(
        async () => Number((await asRoot(working))[0]?.n),
        () => allSucceed(jobs),
      )
      expect(highest).toBe(2)
    }, 120_000)

    it('of one lets two runs write', async () => {
      const jobs = await Promise.all(
        [1, 2].map(async () => {
          const table = await filled(stack.adbpg)
          await server.session.query(`create table ${table} (id bigint, note varchar(300));
            create trigger ${table} before insert on ${table} for each row do sleep(0.0005)`)
          const parameter = { datasource: 'my_one', table, column: ['*'] }
          return dataxJob(table, reading('adbpg_local', table), { name: 'mysqlwriter', parameter }, speed)
        }),
      )
      const working = `select count(*) as n from information_schema.processlist
        where db = '${database}' and (info like 'insert into%' or info like 'do sleep%')`
      const highest = await most(
        async () => Number((await asRoot(working))[0]?.n),
        () => allSucceed(jobs),
      )
      expect(highest).toBe(1)
    }, 120_000)
  })
})
