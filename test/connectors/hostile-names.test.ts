import { setMaxListeners } from 'node:events'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { reader, writer } from '../../shared/connectors/adbpg.ts'
import type { ConnectorContext, CopyTarget, Slice, Source } from '../../shared/connectors/contract.ts'
import { asTransferError } from '../../shared/errors/index.ts'
import { planMerge } from '../../shared/load/merge.ts'
import { appendRecords, mergeRecords } from '../../shared/load/put-records.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

/**
 * What a script says of schema, table, column (of a writer), splitPk, uniqueIndexColumn and updateColumn is a name, whatever
 * it looks like: a real server finds the thing of that name, or nothing. What the author writes as SQL (where, querySql,
 * preSql, postSql, column of a reader) is SQL by definition, and no part of this.
 */
let server: TestServer
let sql: SqlSession
const never = new AbortController().signal
setMaxListeners(0, never)
const context = (): ConnectorContext => ({
  openStore: () => Promise.reject(new Error('no store here')),
  connectSql: (connection) => server.connect(connection),
  connectMysql: () => Promise.reject(new Error('no MySQL here')),
  log: server.log,
  signal: never,
})
beforeAll(async () => {
  server = await startTestServer()
  sql = await server.connect()
  await sql.query('create table canary (id integer primary key, note text)')
  await sql.query("insert into canary values (1, 'sings')")
})
afterAll(async () => {
  await sql[Symbol.asyncDispose]()
  await server.close()
})

const hostilePieces = [
  '"',
  '""',
  "'",
  '\\',
  ';',
  '--',
  '/*',
  '*/',
  '$$',
  '$1',
  ' ',
  '\n',
  '\t',
  '.',
  '%I',
  '@table',
  'a',
  'B',
  'é',
  '名',
  '😀',
  '{}',
  ')',
  '(',
  '::int',
  '"; drop table canary; --',
  "'; drop table canary; --",
  ') from stdin; drop table canary; --',
]
/** PostgreSQL's own limit is 63 bytes. */
const name = fc
  .array(fc.constantFrom(...hostilePieces), { minLength: 1, maxLength: 6 })
  .map((pieces) => pieces.join(''))
  .filter((text) => Buffer.byteLength(text) <= 63)

/** As an author writes a name that is no plain word. */
const written = (text: string) => `"${text.replaceAll('"', '""')}"`

/** The server's own quoting makes the things that are to be found. */
async function made(statement: string, ...names: readonly string[]): Promise<void> {
  const marks = names.map((_, index) => `$${index + 2}::text`).join(', ')
  const { rows } = await sql.query<{ text: string }>(`select format($1::text, ${marks}) as text`, [statement, ...names])
  await sql.query(rows[0]?.text ?? '')
}

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text)
}

async function textOf(source: Source, slice: Slice): Promise<string> {
  const { body } = await source.read(slice, defaultCsv, never)
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

const openReader = (options: Record<string, unknown>) =>
  reader.open(reader.options.parse({ connection: server.connection, ...options }), context())
const openWriter = async (options: Record<string, unknown>) =>
  (await writer.open(writer.options.parse({ connection: server.connection, ...options }), context())) as CopyTarget

async function put(target: CopyTarget, text: string, onConflict: boolean): Promise<void> {
  await sql.transaction(async () => {
    const columns = (await target.columns(sql)).map((column) => column.name)
    if (target.conflict === null) return void (await appendRecords(sql, target.table, columns, defaultCsv)(once(text)))
    const facts = await target.mergeFacts(sql)
    const request = { table: target.table, columns, rule: target.conflict, facts, onConflict, hasSegments: false }
    const plan = planMerge(request)
    if ('refusal' in plan) throw new Error(plan.refusal)
    await (await mergeRecords(sql, plan, columns, defaultCsv))(once(text))
    await sql.query('drop table adbpg_sync_merge')
  })
}

const objects = async () =>
  (
    await sql.query<{ names: string }>(
      "select string_agg(relname, ',' order by relname) as names from pg_class where relkind = 'r'",
    )
  ).rows[0]
const canary = async () => (await sql.query('select id, note from canary')).rows

describe('a name of a script', () => {
  test('finds the thing of that name: read in ranges, written, and merged by key', async () => {
    const four = fc.uniqueArray(name, { minLength: 4, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(
        four,
        fc.boolean(),
        fc.boolean(),
        async ([schema = '', table = '', key = '', value = ''], apart, onConflict) => {
          await made('create schema %I', schema)
          await made('create table %I.%I (%I integer primary key, %I text)', schema, table, key, value)
          const where = apart
            ? { schema: written(schema), table: written(table) }
            : { table: `${written(schema)}.${written(table)}` }
          const column = [written(key), written(value)]
          await put(await openWriter({ ...where, column }), '1,one\n2,two\n', onConflict)
          const merged = {
            ...where,
            column,
            conflictMode: 'replace',
            uniqueIndexColumn: [written(key)],
            updateColumn: [written(value)],
          }
          await put(await openWriter(merged), '2,second\n3,third\n', onConflict)
          await using source = await openReader({ ...where, column, splitPk: written(key) })
          const { slices } = await source.split({ concurrent: 2, targetBytes: 1, arrived: null, increment: null })
          expect(slices.length).toBeGreaterThan(1)
          const read = await Promise.all(slices.map(({ slice }) => textOf(source, slice)))
          expect(read.join('').trim().split('\n').sort()).toEqual(['1,one', '2,second', '3,third'])
          const picked = source.pick?.(async () => [value, key])
          expect(await picked?.columns()).toMatchObject([{ name: value }, { name: key }])
          await made('drop schema %I cascade', schema)
        },
      ),
      { numRuns: 25 },
    )
    expect(await canary()).toEqual([{ id: 1, note: 'sings' }])
  })

  test('finds nothing where nothing is called so, and does nothing else', async () => {
    const before = await objects()
    const raw = fc.oneof(name, fc.string({ unit: 'binary', maxLength: 40 }))
    const reading = async <T>(options: Record<string, unknown>, look: (source: Source) => Promise<T>) => {
      await using source = await openReader({ table: 'canary', column: ['*'], ...options })
      return await look(source)
    }
    const want = { concurrent: 2, targetBytes: 1, arrived: null, increment: null }
    const merging = async (options: Record<string, unknown>) =>
      put(await openWriter({ table: 'canary', column: ['*'], conflictMode: 'replace', ...options }), '1,x\n', true)
    const attempts: Readonly<Record<string, (text: string) => Promise<unknown>>> = {
      'table of a reader': (table) => reading({ table }, (source) => source.columns()),
      'schema of a reader': (schema) => reading({ schema }, (source) => source.columns()),
      splitPk: (splitPk) => reading({ splitPk }, (source) => source.split(want)),
      'a name of mapping': (name) => reading({}, async (source) => source.pick?.(async () => [name]).columns()),
      'table of a writer': async (table) => (await openWriter({ table, column: ['*'] })).columns(sql),
      'column of a writer': async (column) =>
        (await openWriter({ table: 'canary', column: ['id', column] })).columns(sql),
      uniqueIndexColumn: (column) => merging({ uniqueIndexColumn: [column] }),
      updateColumn: (column) => merging({ updateColumn: [column] }),
    }
    // A blank one is not given, and these are there.
    const isThere = (text: string) => /^\s*("?(canary|id|note|public)"?)?\s*$/i.test(text)
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(attempts)), raw, async (which, text) => {
        fc.pre(!isThere(text))
        const failed = await (attempts[which]?.(text) ?? Promise.resolve()).then(() => null, asTransferError)
        expect(failed?.code ?? 'none', which).toMatch(/^(job|source|target|internal)\//)
        expect(failed?.context.sqlstate ?? 'none', `${which}: ${failed?.message}`).not.toBe('42601')
      }),
      { numRuns: 150 },
    )
    expect(await objects()).toEqual(before)
    expect(await canary()).toEqual([{ id: 1, note: 'sings' }])
  })
})
