import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Faults } from '../../bench/simulation/platform.ts'
import { type Simulated, simulate } from '../../bench/simulation/simulate.ts'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/** The use cases as they are, on a platform that throttles, loses, doubles and kills, and a clock that waits for nobody. */
let server: TestPostgres
let connection: PostgresConnection
let sql: SqlSession
beforeAll(async () => {
  server = await startTestPostgres()
  connection = (await server.createDatabase()).connection
  sql = await server.connect(connection)
  await sql.query('create table public.landed (chunk integer, row integer)')
})
afterAll(async () => {
  await sql?.[Symbol.asyncDispose]()
  await server?.close()
})

const trouble: Faults = { throttled: 0.05, lost: 0.03, twice: 0.05, crash: 0.02, unavailable: 0.01 }
const slices = 60

async function run(seed: number, direct: boolean): Promise<Simulated> {
  await sql.query('truncate public.landed')
  const sizes = { slices, rowsPerSlice: 3, sliceMs: 1000, instances: 20, concurrent: 16 }
  return await simulate({ connect: (to) => server.connect(to), connection, seed, direct, ...sizes, faults: trouble })
}

describe.each([
  ['that loaders read', true],
  ['that are staged first', false],
] as const)('a run of slices %s', (_what, direct) => {
  it.each([1, 2])('ends whole and once amid crashes, 429s and lost events (seed %i)', async (seed) => {
    const { report, counts, crashes } = await run(seed, direct)
    const all = slices * 3
    expect(report).toMatchObject({ state: 'succeeded', rows: { read: all, loaded: all, dirty: 0, filtered: 0 } })
    const { rows } = await sql.query(
      'select count(*)::integer as rows, count(distinct (chunk, row))::integer as different from public.landed',
    )
    expect(rows).toEqual([{ rows: all, different: all }])
    // Enough went wrong for this to say something.
    expect(crashes + counts.lost + counts.throttled + counts.twice).toBeGreaterThan(4)
    expect(counts.largestPayloadBytes).toBeLessThan(1024)
    // Every invocation that came to its end has told what it took, on the clock of the simulation.
    expect(report.cost.invocations).toBeGreaterThan(slices)
    expect(Number(report.cost.cu)).toBeGreaterThan(0.25 * slices)
  })
})
