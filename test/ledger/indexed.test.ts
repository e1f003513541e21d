import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillLedger } from '../../bench/simulation/fill-ledger.ts'
import { RunId } from '../../shared/job/index.ts'
import { migrate } from '../../shared/ledger/index.ts'
import { statements } from '../../shared/ledger/statements.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/* A run in its middle, beside nine that have ended: what asks about one run must not read the others. */
const chunks = 3000
const done = 2000
const idOf = (n: number) => RunId.parse(`r${String(n).padStart(24, '0')}`)
const mine = idOf(0)

let server: TestPostgres
let sql: SqlSession
beforeAll(async () => {
  server = await startTestPostgres()
  sql = await server.connect((await server.createDatabase()).connection)
  await migrate(sql, new Date())
  // Statistics are older than the rows, as in the first minute of a run.
  await sql.query('analyze')
  await fillLedger(sql, { runId: mine, chunks, done, staged: true })
})
afterAll(async () => {
  await sql?.[Symbol.asyncDispose]()
  await server?.close()
})

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Join Filter'?: number
  readonly Plans?: readonly Node[]
}

async function nodesOf(how: string, statement: string, values: readonly unknown[]): Promise<Node[]> {
  const { rows } = await sql.query(`explain (${how}, format json) ${statement}`, values)
  const plan = (rows[0]?.['QUERY PLAN'] as { Plan: Node }[] | undefined)?.[0]?.Plan
  const flat = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(flat)]
  return plan === undefined ? [] : flat(plan)
}

const rowsLookedAt = (nodes: readonly Node[]) =>
  nodes.reduce((sum, node) => {
    const each =
      (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0)
    return sum + each * (node['Actual Loops'] ?? 0)
  }, 0)

/** What is asked about many rows of one run. */
const values: Readonly<Record<string, readonly unknown[]>> = {
  'count-chunks': [mine],
  'count-chunks-done': [mine],
  'count-dirty-elsewhere': [mine, 0, 'c2000-p0'],
  'count-slices-done': [mine, 0],
  'insert-slot-wait': [mine, 0, 'load', 'c2000-p0', 'host:5432/database', new Date()],
  'list-dirty-pieces': [mine],
  'list-chunks-of-object': [mine, 'part-000000.csv'],
  'list-open-chunks': [mine, 0, chunks, 200],
  'list-open-chunks-of-slice': [mine, 1999],
  'list-open-slices': [mine, 0, 0, chunks, 200],
  'list-ordinals-of-slice': [mine, 1999],
  'list-parts': [mine, 2000],
  'list-slot-waits': ['host:5432/database', new Date(), 8],
  'list-uploads': [mine, 0],
  'next-ordinal': [mine],
  'read-chunk': [mine, 2000, 0],
  'read-chunk-done': [mine, 1999, 0],
  'read-last-dispatch': [mine, 0, 'load', 'c2000-p0'],
  'read-next-start': [mine, 1999],
  'read-plan': [mine],
  'read-slice': [mine, 0, 2000],
}
const large = ['chunk', 'chunk_claim', 'chunk_done', 'slice', 'slice_done', 'dispatch', 'dirty_seen']
const readsLarge = (text: string) => new RegExp(`(from|join) adbpg_sync\\.(${large.join('|')})\\b`).test(text)

describe('statements about the pieces of a run', () => {
  it('are all looked at here', () => {
    const found = Object.entries(statements).filter(([, text]) => readsLarge(text))
    expect(found.map(([name]) => name).sort()).toEqual(Object.keys(values).sort())
  })

  it.each(['list-open-chunks', 'list-open-slices'] as const)(
    '%s looks each piece up by its key, whatever the statistics say',
    async (name) => {
      const looked = rowsLookedAt(await nodesOf('analyze', statements[name], values[name] ?? []))
      // As a join without statistics, 3,000 pieces were compared with 2,000: 6 million.
      expect(looked).toBeLessThan(12 * chunks)
    },
  )

  it('of dirty records look at the chunks that have some, and up the pieces that have met some', async () => {
    const few = `generate_series(0, 49) n`
    await sql.query(`insert into adbpg_sync.dirty_seen select $1, 0, 'c' || n * 60 || '-p0', 1, now() from ${few}`, [
      mine,
    ])
    const count = () => sql.query(statements['count-dirty-elsewhere'], [mine, 0, 'c2940-p0'])
    // Chunks up to 1999 are done and say that they have none; the one that asks does not count itself.
    expect((await count()).rows).toEqual([{ records: '15' }])
    const looked = rowsLookedAt(await nodesOf('analyze', statements['count-dirty-elsewhere'], [mine, 0, 'c2940-p0']))
    expect(looked).toBeLessThan(1000)
  })

  it('read no table from end to end when others have ended beside it', async () => {
    for (let n = 1; n < 10; n += 1) {
      await fillLedger(sql, { runId: idOf(n), chunks, done: chunks, staged: true })
      const seen = `select $1, 0, 'c' || n || '-p0', 1, now() from generate_series(0, 499) n`
      await sql.query(`insert into adbpg_sync.dirty_seen ${seen}`, [idOf(n)])
    }
    await sql.query('analyze')
    const wrong: string[] = []
    for (const [name, given] of Object.entries(values)) {
      const nodes = await nodesOf('verbose', statements[name as keyof typeof statements], given)
      const whole = nodes.filter(
        (node) => node['Node Type'] === 'Seq Scan' && large.includes(node['Relation Name'] ?? ''),
      )
      wrong.push(...whole.map((node) => `${name} reads all of ${node['Relation Name']}`))
    }
    expect(wrong).toEqual([])
  })
})
