import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TransferError } from '../../errors/index.ts'
import type { JobName } from '../../job/index.ts'
import { runIdOf, runKeyOfObject } from '../../job/index.ts'
import { removePostgresData } from '../../local/postgres/account.ts'
import { listRunsEverywhere } from '../../run/find-run.ts'
import { listLedgers } from '../../run/job-store.ts'
import { type RunReport, reportRun } from '../../run/report.ts'
import { jobKey } from '../../staging/keys.ts'
import { findConnection } from '../local-datasources.ts'
import { projectDir, startLocalStack, stateDirOf } from '../local-stack.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { countText } from '../output.ts'
import { progressText, summaryText } from '../run-text.ts'
import { openLocalSession, type Session } from '../session.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Files of the npm package `vega-datasets`, and the job that waits for each. */
const drops = [
  { job: 'zipcodes', file: 'zipcodes.csv' },
  { job: 'airports', file: 'airports.csv' },
  { job: 'birdstrikes', file: 'birdstrikes.csv' },
  { job: 'sp500', file: 'sp500-2000.csv' },
  { job: 'flights', file: 'flights-200k.json' },
  { job: 'flights_3m', file: 'flights-3m.parquet' },
] as const

/**
 * From nothing to loaded tables: files dropped in the bucket, a scheduled copy of a PostgreSQL table, an export. Every
 * start is a fresh stack of its own, so it may be repeated, also beside a stack that is up.
 */
export async function runDemo(verbs: Verbs): Promise<ExitCode> {
  const stateDir = join(stateDirOf(verbs.environment), 'demo')
  await rm(stateDir, { recursive: true, force: true })
  await removePostgresData(join(stateDir, 'postgres'))
  verbs.signal.throwIfAborted()
  verbs.output.note('starting PostgreSQL, OSS and Function Compute on this machine …')
  await using stack = await startLocalStack(stateDir, verbs.log, verbs.environment)
  await using session = await openLocalSession(verbs.environment, stack.file, verbs.log, verbs.signal)
  await prepare(session)
  const reports = [
    ...(await dropFiles(verbs, session)),
    await waitForSchedule(verbs, session),
    await runExport(verbs, session),
  ]
  await checkTables(verbs, session, reports)
  const failed = reports.some((report) => report.state !== 'succeeded')
  verbs.output.answer(
    reports,
    () =>
      `${reports.length} runs, ${failed ? 'not all of them good' : 'all succeeded'}. Data and logs stay in ${stateDir}`,
  )
  return failed ? 1 : 0
}

async function prepare({ world, deadline }: Session): Promise<void> {
  for (const [datasource, file] of [
    ['adbpg_local', 'tables.sql'],
    ['pg_local', 'source.sql'],
  ] as const) {
    await using sql = await world.connectSql(await findConnection(world, datasource), deadline.signal)
    for (const statement of (await readFile(here(file), 'utf8')).split(';')) await sql.query(statement)
  }
  for (const file of await readdir(here('jobs'))) {
    await world.store.put(jobKey(file.replace('.json', '')), await readFile(here(`jobs/${file}`)), {
      contentType: 'application/json',
    })
  }
}

async function dropFiles(verbs: Verbs, session: Session): Promise<RunReport[]> {
  const reports: RunReport[] = []
  for (const { job, file } of drops) {
    const key = `in/${job}/${file}`
    verbs.output.note(`\nput ${file} oss://${session.world.store.bucket}/${key}`)
    const { etag } = await session.world.store.put(
      key,
      await readFile(join(projectDir, 'node_modules/vega-datasets/data', file)),
    )
    const runId = runIdOf(runKeyOfObject(job as JobName, session.world.store.bucket, key, etag))
    reports.push(await waitFor(verbs, session, async () => runId))
  }
  return reports
}

async function waitForSchedule(verbs: Verbs, session: Session): Promise<RunReport> {
  verbs.output.note('\nwaiting for the timer at the next full minute: job orders copies a PostgreSQL table …')
  return await waitFor(verbs, session, async () => {
    const { runs } = await listRunsEverywhere(session.world, session.deadline, {
      limit: 1,
      job: 'orders' as JobName,
    })
    return runs[0]?.runId ?? null
  })
}

async function runExport(verbs: Verbs, session: Session): Promise<RunReport> {
  verbs.output.note('\nrun export_orders through the start function')
  const answer = (await session.world.invoker.invokeSync('start', { job: 'export_orders' }, 60_000)) as {
    runId: RunReport['runId']
  }
  return await waitFor(verbs, session, async () => answer.runId)
}

const waitMs = 120_000

async function waitFor(
  verbs: Verbs,
  session: Session,
  find: () => Promise<RunReport['runId'] | null>,
): Promise<RunReport> {
  const until = Date.now() + waitMs
  for (;;) {
    const report = await reportOf(session, await find())
    if (report !== null && ['succeeded', 'failed', 'stopped'].includes(report.state)) {
      verbs.output.note(summaryText(report, session.world.store.bucket, verbs.output.width()))
      return report
    }
    if (report !== null) verbs.output.progress(progressText(report))
    if (Date.now() > until)
      throw new TransferError('run/gave-up', `a run of the demo did not end within ${waitMs / 1000} s`)
    await sleep(150, undefined, { signal: verbs.signal })
  }
}

async function reportOf({ world, deadline }: Session, runId: RunReport['runId'] | null): Promise<RunReport | null> {
  const [address] = runId === null ? [] : await listLedgers(world.store)
  if (runId === null || address === undefined) return null
  await using sql = await world.connectSql(address, deadline.signal)
  return await reportRun(sql, runId, world.clock.now(), world.settings.prices)
}

/** What the runs say must be what the tables hold. */
async function checkTables(verbs: Verbs, { world, deadline }: Session, reports: readonly RunReport[]): Promise<void> {
  await using sql = await world.connectSql(await findConnection(world, 'adbpg_local'), deadline.signal)
  for (const { job, rows } of reports.filter((report) => report.job !== 'export_orders')) {
    const counted = await sql.query<{ rows: string }>(`select count(*) as rows from public.${job}`)
    const held = Number(counted.rows[0]?.rows)
    if (held !== rows.loaded)
      throw new TransferError('run/counts-differ', `table ${job} holds ${held} rows, its run says ${rows.loaded}`)
    verbs.output.note(`table public.${job} holds ${countText(held)} rows`)
  }
}
