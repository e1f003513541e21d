import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JobName } from '../../shared/job/index.ts'
import { listRuns, listRunsWithNotices, migrate, type RunFilter } from '../../shared/ledger/index.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/*
 * 60,000 runs of 20 jobs, one a minute; every thousandth failed, every ten-thousandth has not ended (one of them waits, one has
 * waited), and of those that failed half succeeded by a retry.
 */
const runs = 60_000
const first = Date.parse('2026-01-01T00:00:00Z')
const at = (n: number) => new Date(first + n * 60_000)

let server: TestPostgres
let sql: SqlSession
beforeAll(async () => {
  server = await startTestPostgres()
  sql = await server.connect((await server.createDatabase()).connection)
  await migrate(sql, new Date())
  const id = `'r' || lpad(to_hex(n), 24, '0')`
  const time = `timestamptz '2026-01-01T00:00:00Z' + n * interval '1 minute'`
  const all = `generate_series(0, ${runs - 1}) n`
  await sql.query(`insert into adbpg_sync.run select ${id}, 'k' || n, 'job' || n % 20, '{}', '{}', ${time} from ${all}`)
  await sql.query(
    `insert into adbpg_sync.run_finished
     select ${id}, 0, case when n % 1000 = 1 then 'failed' else 'succeeded' end, null, ${time} + interval '30 seconds'
     from ${all} where n % 10000 <> 0`,
  )
  await sql.query(`insert into adbpg_sync.run_retry select ${id}, 1, 'again', ${time} from ${all} where n % 2000 = 1`)
  await sql.query(
    `insert into adbpg_sync.run_finished select ${id}, 1, 'succeeded', null, ${time} + interval '1 minute' from ${all} where n % 2000 = 1`,
  )
  await sql.query(`insert into adbpg_sync.notice_due select ${id}, 0, 0, ${time} from ${all} where n % 10 = 0`)
  await sql.query(
    `insert into adbpg_sync.notice_settled select ${id}, 0, 0, 'delivered', ${time} from ${all} where n % 10 = 0 and n % 30000 <> 0`,
  )
  const idOf = (n: number) => `'r' || lpad(to_hex(${n}), 24, '0')`
  await sql.query(
    `insert into adbpg_sync.run_wait select ${idOf(40_000)}, 0, '{}' union select ${idOf(30_000)}, 0, '{}'`,
  )
  await sql.query(`insert into adbpg_sync.run_released select ${idOf(30_000)}, now()`)
  await sql.query('analyze')
})
afterAll(async () => {
  await sql?.[Symbol.asyncDispose]()
  await server?.close()
})

const ask = async (change: Partial<RunFilter>): Promise<number[]> => {
  const whole = { before: at(runs), since: null, job: null, state: null, limit: 3, ...change }
  const found = await listRuns(sql, whole)
  return found.map(({ requestedAt }) => (requestedAt.getTime() - first) / 60_000)
}

describe('the history of many runs', () => {
  it.each([
    ['all', {}, [59_999, 59_998, 59_997]],
    ['the page before', { before: at(59_998) }, [59_997, 59_996, 59_995]],
    ['of one job', { job: 'job7' as JobName }, [59_987, 59_967, 59_947]],
    ['that failed, and not by a retry since', { state: 'failed' }, [59_001, 57_001, 55_001]],
    [
      'that succeeded by a retry, too',
      { state: 'succeeded', before: at(58_002), job: 'job1' as JobName },
      [58_001, 57_981, 57_961],
    ],
    ['that are running', { state: 'running' }, [50_000, 30_000, 20_000]],
    ['that wait', { state: 'waiting' }, [40_000]],
    ['that wait, of another job', { state: 'waiting', job: 'job1' as JobName }, []],
    ['that failed, of one job', { state: 'failed', job: 'job1' as JobName }, [59_001, 57_001, 55_001]],
    ['that failed since', { state: 'failed', since: at(57_000), limit: 10 }, [59_001, 57_001]],
    ['since', { since: at(59_998), limit: 10 }, [59_999, 59_998]],
    ['of a job that never was', { job: 'none' as JobName }, []],
    ['that were stopped: none', { state: 'stopped' }, []],
  ] as const)('%s', async (_, filter, expected) => {
    const since = performance.now()
    expect(await ask(filter)).toEqual(expected)
    // 2 to 60 ms as measured; reading all runs takes 300 and more.
    expect(performance.now() - since).toBeLessThan(250)
  })

  it('does not hide notices that are still to be sent', async () => {
    expect(await listRunsWithNotices(sql, at(0), 10)).toHaveLength(2)
    expect(await listRunsWithNotices(sql, at(1), 10)).toHaveLength(1)
  })
})
