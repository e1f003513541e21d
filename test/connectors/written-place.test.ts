import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import type { CopyTarget } from '../../shared/connectors/contract.ts'
import { writer } from '../../shared/connectors/postgresql.ts'
import { placeRefusal } from '../../shared/connectors/sql/written-place.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import { planMerge } from '../../shared/load/merge.ts'
import { appendRecords, mergeRecords } from '../../shared/load/put-records.ts'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import { currentPackage, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

const places = `
  create table plain (id integer primary key, note text);
  create table parted (id integer, note text) partition by range (id);
  create table parted_all partition of parted default;
  create view simple as select id, note from plain;
  create view summed as select id, count(*) as note from plain group by id;
  create view diverted as select id, note from plain where id > 0;
  create function divert() returns trigger language plpgsql as
    'begin insert into plain values (new.id, new.note); return new; end';
  create trigger diverted instead of insert on diverted for each row execute procedure divert();
  create materialized view kept as select id, note from plain;
  create extension file_fdw;
  create server files foreign data wrapper file_fdw;
  create foreign table far (id integer, note text) server files options (filename '/nowhere', format 'csv')`

const ways = {
  copy: {},
  merge: { conflictMode: 'replace', uniqueIndexColumn: ['id'] },
  atomic: { atomic: true },
} as const
type Way = keyof typeof ways

/** What each can be written by, and what is told of the others. */
const expected: Readonly<Record<string, Readonly<Record<Way, RegExp | null>>>> = {
  plain: { copy: null, merge: null, atomic: null },
  parted: { copy: null, merge: null, atomic: null },
  simple: { copy: /simple is a view.*INSTEAD OF INSERT/, merge: null, atomic: null },
  summed: { copy: /is a view/, merge: /is a view.*takes no rows/, atomic: /is a view.*takes no rows/ },
  diverted: { copy: null, merge: null, atomic: null },
  kept: { copy: /materialized view/, merge: /materialized view/, atomic: /materialized view/ },
  far: { copy: /foreign/, merge: /foreign/, atomic: /foreign/ },
}

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text)
}

describe.each([
  ['PostgreSQL 12', undefined],
  ['a current PostgreSQL', currentPackage],
])('a destination on %s', (_, packageName) => {
  let server: TestPostgres
  let connection: PostgresConnection
  let sql: SqlSession
  beforeAll(async () => {
    server = await startTestPostgres(packageName)
    connection = (await server.createDatabase()).connection
    sql = await server.connect(connection)
    await sql.query(places)
  })
  afterAll(async () => {
    await sql?.[Symbol.asyncDispose]()
    await server?.close()
  })

  const open = async (table: string, way: Way) => {
    const options = writer.options.parse({ connection, table, column: ['*'], ...ways[way] })
    const context = {
      openStore: () => Promise.reject(new Error('no store')),
      connectSql: (to: PostgresConnection) => server.connect(to),
      connectMysql: () => Promise.reject(new Error('no MySQL')),
      log: server.log,
      signal: new AbortController().signal,
    }
    return (await writer.open(options, context)) as CopyTarget
  }

  /** By the statements of a load, which the server judges. */
  async function write(table: string, way: Way) {
    const [columns, name] = [['id', 'note'], { schema: null, table }]
    await sql.transaction(async () => {
      if (way === 'copy') await appendRecords(sql, name, columns, defaultCsv)(once('1,a\n'))
      if (way === 'atomic') await sql.query(`insert into ${table} (id, note) select 1, 'a'`)
      if (way !== 'merge') return
      const target = await open(table, way)
      const rule = target.conflict
      if (rule === null) throw new Error('no rule')
      const facts = await target.mergeFacts(sql)
      const plan = planMerge({ table: name, columns, rule, facts, onConflict: true, hasSegments: false })
      if ('refusal' in plan) throw new Error(plan.refusal)
      await (await mergeRecords(sql, plan, columns, defaultCsv))(once('1,a\n'))
    })
  }

  it.each(Object.entries(expected))('%s is refused before a row is sent, or takes it', async (table, told) => {
    for (const way of Object.keys(ways) as Way[]) {
      const target = await open(table, way)
      const refusal = await target.columns().then(() => null, asTransferError)
      expect(refusal?.code ?? null, `${table} ${way}`).toBe(told[way] === null ? null : 'job/unsupported')
      if (told[way] !== null) expect(refusal?.message).toMatch(told[way])
      const refused = await write(table, way).then(() => null, asTransferError)
      expect(refused === null, `${table} ${way}: ${refused?.message}`).toBe(told[way] === null)
      await sql.query('delete from plain')
    }
  })
})

describe('by the kernel', () => {
  const view = { kind: 'v', takesInserts: true, takesUpdates: true, divertsInserts: true }
  it.each([
    [{ ...view, kernel: 90426 }, 'copy', /cannot write into a view/],
    [{ ...view, kernel: 90426 }, 'replace', /cannot lock a view/],
    [{ ...view, kernel: 90426 }, 'append', null],
    [{ ...view, kernel: 120000 }, 'copy', null],
    [{ ...view, kernel: 120000, takesUpdates: false }, 'replace', /takes no updates/],
    [{ ...view, kernel: 120000, takesUpdates: false }, 'ignore', null],
  ] as const)('%j by %s', (place, way, told) => {
    const refusal = placeRefusal(place, way)
    if (told === null) expect(refusal).toBeNull()
    else expect(refusal).toMatch(told)
  })
})
