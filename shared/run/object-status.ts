import type { ErrorReport } from '../errors/index.ts'
import type { JobName, RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { askEach, type SilentLedger } from './find-run.ts'
import { type RunReport, reportRun } from './report.ts'
import type { Deadline, World } from './world.ts'

/** What became of one version of an object for one job that it was dropped for. */
export interface ObjectStatus {
  readonly job: JobName
  readonly etag: string
  readonly bytes: number
  readonly arrivedAt: string
  /** null: it waits for the run under way to end. */
  readonly runId: RunId | null
  readonly state: RunReport['state'] | 'waiting'
  /** Of this object alone; null: none of its rows is in. `loaded` null: counted only together with others of its run. */
  readonly rows: ledger.ObjectCounts | null
  /** Of its run. */
  readonly error: ErrorReport | null
  /** Why a run of several went on without it; null: none did. */
  readonly setAside: ErrorReport | null
}

/** Versions and jobs that are told. */
const told = 100

/** The last to arrive first. */
export async function statusOfObject(
  world: World,
  deadline: Deadline,
  key: string,
): Promise<{ objects: ObjectStatus[]; silent: readonly SilentLedger[] }> {
  const { answers, silent } = await askEach(world, deadline, (sql) => statusesIn(sql, key, world.clock.now()))
  const objects = answers.flat().sort((a, b) => b.arrivedAt.localeCompare(a.arrivedAt))
  return { objects: objects.slice(0, told), silent }
}

async function statusesIn(sql: Sql, key: string, now: Date): Promise<ObjectStatus[]> {
  const statuses: ObjectStatus[] = []
  for (const arrived of await ledger.listArrivalsOfObject(sql, key, told)) {
    const { job, etag, size, arrivedAt, runId, setAside, isBetweenRuns } = arrived
    const report = runId === null ? null : await reportRun(sql, runId, now)
    statuses.push({
      job,
      etag,
      bytes: size,
      arrivedAt: arrivedAt.toISOString(),
      runId,
      state: report?.state ?? 'waiting',
      rows: runId === null || isBetweenRuns ? null : await ledger.countObject(sql, runId, key, etag),
      error: report?.error ?? null,
      setAside,
    })
  }
  return statuses
}
