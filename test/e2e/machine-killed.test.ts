import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunId } from '../../shared/job/index.ts'
import { type CrashPoint, crashPoints } from '../../shared/run/crash-points.ts'
import { eventually } from '../support/fc.ts'
import { keptLog } from '../support/log.ts'
import {
  clientOf,
  dataxJob,
  fromOss,
  intoAdbpg,
  prepareState,
  removeState,
  type StackClient,
  unique,
} from '../support/stack.ts'
import { countFrozen, forgetFreeze, freezeAt, type StackProcess, startStackProcess } from '../support/stack-process.ts'

/**
 * Everything is killed at once, as by a loss of power: PostgreSQL, OSS, Function Compute and the functions, each time with
 * one function of every run held at the named place. Started again on what is on disk, each run ends with every row
 * exactly once.
 */
describe('a machine that is killed', () => {
  let stateDir: string
  let machine: StackProcess | null = null
  let stack: StackClient
  beforeAll(async () => {
    stateDir = await prepareState()
    await switchOn()
  })
  afterAll(async () => {
    await machine?.killAll()
    await removeState(stateDir)
  })

  async function switchOn() {
    machine = await startStackProcess(stateDir)
    stack = await clientOf(stateDir, machine.file, keptLog())
  }

  const rows = 3000
  const setting = { speed: { channel: 1 }, errorLimit: { record: 0 } }
  const csv = [...Array(rows).keys()].map((n) => `${n},"note ""${n}""\n${'y'.repeat(n % 50)}"\n`).join('')
  const fill = (table: string) =>
    `create table public.${table} (id bigint primary key, note text);
     insert into public.${table} select n, repeat('z', 20 + (n % 60)::integer) from generate_series(0, ${rows - 1}) n`

  async function expectWhole(table: string) {
    const [found] = await stack.sql(
      `select count(*)::integer as rows, count(distinct id)::integer as ids, max(id)::integer as high from public.${table}`,
    )
    expect(found).toEqual({ rows, ids: rows, high: rows - 1 })
  }

  interface Subject {
    readonly job: ReturnType<typeof dataxJob>
    expectDone(): Promise<void>
  }

  /** No primary key in the tables, so that a row loaded twice would be seen. */
  async function importObject(): Promise<Subject> {
    const table = unique('killed_object')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.world.store.put(`data/${table}.csv`, Buffer.from(csv))
    const job = dataxJob(table, fromOss(`data/${table}.csv`), intoAdbpg(`public.${table}`), setting)
    return { job, expectDone: () => expectWhole(table) }
  }

  /** What has no key is one slice, whose chunks are staged. */
  const importStaged = () => importTable('no key')

  async function importTable(key: 'primary key' | 'no key' = 'primary key'): Promise<Subject> {
    const table = unique('killed_table')
    await stack.sql(`create table public.${table} (id bigint, note text)`)
    await stack.sql(fill(table), stack.source)
    if (key === 'no key') await stack.sql(`alter table public.${table} drop constraint ${table}_pkey`, stack.source)
    const parameter = { datasource: 'pg_local', table: `public.${table}`, column: ['*'] }
    const job = dataxJob(table, { name: 'postgresqlreader', parameter }, intoAdbpg(`public.${table}`), setting)
    return { job, expectDone: () => expectWhole(table) }
  }

  async function exportTable(): Promise<Subject> {
    const table = unique('killed_export')
    await stack.sql(fill(table))
    const parameter = { datasource: 'adbpg_local', table: `public.${table}`, column: ['*'], splitPk: 'id' }
    const object = { datasource: 'oss_local', object: `out/${table}/part`, writeMode: 'truncate' }
    const job = dataxJob(table, { name: 'adbpgreader', parameter }, { name: 'osswriter', parameter: object }, setting)
    const expectDone = async () => {
      const ids: string[] = []
      for await (const { key } of stack.world.store.list(`out/${table}/`)) {
        const found = await stack.world.store.read(key, 10_000_000)
        ids.push(
          ...(found?.body.toString('utf8') ?? '')
            .trim()
            .split('\n')
            .map((line) => line.replace(/,.*/, '')),
        )
      }
      expect({ rows: ids.length, ids: new Set(ids).size }).toEqual({ rows, ids: rows })
    }
    return { job, expectDone }
  }

  const all = [importObject, importTable, exportTable]
  const subjects: Record<CrashPoint, readonly (() => Promise<Subject>)[]> = {
    'start/after-run-row': all,
    'plan/after-rows': all,
    'stage/mid-object': [importStaged, exportTable],
    // Of a slice that is loaded while it is read: test/e2e/crash.test.ts.
    'stage/after-part': [],
    'stage/after-object': [importStaged, exportTable],
    'stage/after-ledger-row': [importTable, exportTable],
    'load/mid-copy': [importObject, importTable],
    'load/after-copy': [importObject, importTable],
    // Towards a destination with no ledger of ours: test/e2e/mysql.test.ts.
    'load/between-commits': [],
    'load/after-commit': [importObject, importTable],
    'finish/before-publish': all,
    // Of an atomic run: test/e2e/crash.test.ts.
    'finish/in-publication': [],
    'finish/between-commits': [],
    // Only runs of arrivals come there: test/run/arrivals.test.ts.
    'finish/before-next': [],
    'finish/after-publish': all,
    'finish/before-clean-up': all,
  }

  const runOf = (job: string) =>
    eventually(async () => {
      const found = await stack
        .sql<{ run_id: RunId }>(`select run_id from adbpg_sync.run where job = '${job}'`)
        .catch(() => [])
      return found[0]?.run_id ?? null
    })

  it.each(crashPoints.filter((point) => subjects[point].length > 0))('at %s', { timeout: 60_000 }, async (point) => {
    const made = await Promise.all(subjects[point].map((subject) => subject()))
    freezeAt(stateDir, point)
    // An answer does not come where `start` itself is held.
    const starts = made.map(({ job }) => stack.start({ job, idempotencyKey: job.name }).catch(() => null))
    await eventually(() => countFrozen(stateDir) >= made.length, 30_000)
    await machine?.killAll()
    await Promise.all(starts)
    forgetFreeze(stateDir)
    await switchOn()
    await stack.whileTicking(async () => {
      for (const { job, expectDone } of made) {
        expect(await stack.ended(await runOf(job.name))).toMatchObject({
          state: 'succeeded',
          rows: { read: rows, loaded: rows, dirty: 0, filtered: 0 },
          error: null,
        })
        await expectDone()
      }
    })
  })
})
