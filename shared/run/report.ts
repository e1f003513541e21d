import { type Cost, costOf } from '../cost/cost.ts'
import { listPrices, type Prices } from '../cost/prices.ts'
import type { ErrorReport } from '../errors/index.ts'
import type { JobName, RunId } from '../job/index.ts'
import { placeOfNotice } from '../job/notice.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import { dirtyPrefix } from '../staging/keys.ts'
import { runInTheWay } from './increment.ts'
import { hasSucceeded, unmetWaits } from './waiting.ts'

/** What `run`, `status` and the API say of a run. */
export interface RunReport {
  readonly runId: RunId
  readonly job: JobName
  readonly state: 'waiting' | 'planning' | 'running' | 'succeeded' | 'failed' | 'stopped'
  readonly rows: { readonly read: number; readonly loaded: number; readonly dirty: number; readonly filtered: number }
  readonly bytes: number
  readonly seconds: number
  /** What its functions cost on the cloud, so far as they have ended. */
  readonly cost: Cost
  /** Pieces that are done: chunks of an import, slices of an export. */
  readonly chunks: number
  /** Pieces the run is made of; null while that may still grow. */
  readonly chunksPlanned: number | null
  /** Dirty records that were loaded after the run had ended. */
  readonly replayed: number
  /**
   * Dirty records of a run that ended badly, at least: of pieces that were rolled back, which `rows` leaves out, since none of
   * their rows is in the destination.
   */
  readonly dirtyRolledBack: number
  /** Prefix of the dirty records in the configuration bucket; null when there are none. */
  readonly dirtyObject: string | null
  readonly error: ErrorReport | null
  /** What has to come about before a cycle begins; empty for all others. */
  readonly waitsFor: readonly string[]
  /** What became of those who are told of its end. */
  readonly notices: readonly ReportedNotice[]
  readonly requestedAt: string
  readonly finishedAt: string | null
  /** Why the last attempt failed that is repeated by itself; null when none did, or the run has ended. */
  readonly trouble: ReportedTrouble | null
  /** The rows of a run that reads on from a mark; null for all others, and before it is planned. */
  readonly increment: ReportedIncrement | null
  /** What of its job was understood, but not taken at its word. */
  readonly warnings: readonly string[]
  readonly decisions: readonly { readonly what: string; readonly why: string }[]
}

export interface ReportedIncrement {
  readonly column: string
  /** null: from the first row on. */
  readonly low: string | null
  readonly lowIncluded: boolean
  /** Included, and the mark of the job once the run has succeeded; null: there were no rows. */
  readonly high: string | null
}

export interface ReportedTrouble {
  /** `plan`, `stage e0-s3`, `load c7-p0` */
  readonly piece: string
  readonly error: ErrorReport
  readonly at: string
}

export interface ReportedNotice {
  /** The reference, or the host. */
  readonly to: string
  readonly outcome: 'due' | 'delivered' | 'undeliverable'
  /** Made so far, the one that delivered it included. */
  readonly attempts: number
  /** When it was delivered, or given up; null while it is due. */
  readonly settledAt: string | null
  /** Of the last attempt that failed; null once it is delivered. */
  readonly error: ErrorReport | null
}

/** @returns null when the ledger has no such run */
export async function reportRun(
  sql: Sql,
  runId: RunId,
  now: Date,
  prices: Prices = listPrices,
): Promise<RunReport | null> {
  const run = await ledger.readRun(sql, runId)
  if (run === null) return null
  const plan = await ledger.readPlan(sql, runId)
  const ending = await ledger.readFinished(sql, runId, run.generation)
  const progress = await progressOf(sql, runId, plan, ending?.state === 'succeeded')
  const waitsFor = plan === null && ending === null ? await waitsOf(sql, run) : []
  const until = ending?.finishedAt ?? now
  const dirtyRolledBack = ending === null ? 0 : await rolledBackOf(sql, run, ending, progress.rows.dirty)
  return {
    runId,
    job: run.job,
    state: ending?.state ?? (waitsFor.length > 0 ? 'waiting' : plan === null ? 'planning' : 'running'),
    ...progress,
    seconds: Math.max(0, until.getTime() - run.requestedAt.getTime()) / 1000,
    cost: costOf(await ledger.sumFunctionUse(sql, runId), prices),
    dirtyRolledBack,
    dirtyObject: progress.rows.dirty + dirtyRolledBack > 0 ? dirtyPrefix(runId) : null,
    replayed: progress.rows.dirty > 0 ? await ledger.countReplayed(sql, runId) : 0,
    error: ending?.error ?? null,
    waitsFor,
    notices: await noticesOf(sql, run),
    requestedAt: run.requestedAt.toISOString(),
    finishedAt: ending?.finishedAt.toISOString() ?? null,
    trouble: ending === null ? await troubleOf(sql, run, plan !== null) : null,
    increment: plan === null ? null : await incrementOf(sql, runId),
    warnings: run.spec.warnings,
    decisions: plan?.decisions ?? [],
  }
}

/** A piece says what it has met at its looks; one that may have no dirty record fails before its first. */
async function rolledBackOf(
  sql: Sql,
  { runId, generation }: ledger.RunRow,
  { state, error }: Pick<ledger.FinishedRow, 'state' | 'error'>,
  dirty: number,
): Promise<number> {
  if (state === 'succeeded') return 0
  const met = await ledger.countDirtyElsewhere(sql, { runId, generation, piece: '' })
  return Math.max(met - dirty, error?.context.dirtyObject === true ? 1 : 0)
}

/** As this ledger has it. What has come about is noticed by `tick`, within a minute. */
async function waitsOf(sql: Sql, { runId, job }: ledger.RunRow): Promise<string[]> {
  if ((await ledger.listWaits(sql, runId)).length === 0) {
    const other = await runInTheWay(sql, job, runId)
    return other === null ? [] : [`run ${other} of this job to end, which reads on from the same mark`]
  }
  const unmet = await unmetWaits(sql, runId, (job, at) => hasSucceeded(sql, job, at))
  return unmet.length === 0 ? ['the next tick, which will begin it'] : unmet
}

/** What kept a run from being planned is over once it is. */
async function troubleOf(sql: Sql, run: ledger.RunRow, isPlanned: boolean): Promise<ReportedTrouble | null> {
  const trouble = await ledger.readLastTrouble(sql, run.runId, run.generation)
  if (trouble === null || (trouble.step === 'plan' && isPlanned)) return null
  const { step, piece, error, at } = trouble
  return { piece: piece === 'run' ? step : `${step} ${piece}`, error, at: at.toISOString() }
}

async function incrementOf(sql: Sql, runId: RunId): Promise<ReportedIncrement | null> {
  const { increment = null } = (await ledger.readClaimOfRun(sql, runId)) ?? {}
  if (increment === null) return null
  const { column, low, lowIncluded, high } = increment
  return { column, low, lowIncluded, high }
}

async function noticesOf(sql: Sql, { runId, generation, spec }: ledger.RunRow): Promise<ReportedNotice[]> {
  const { notices = [] } = spec
  const rows = notices.length === 0 ? [] : await ledger.listNotices(sql, runId, generation)
  return rows.flatMap(({ notice, outcome, settledAt, attemptsFailed, error }) => {
    const known = notices[notice]
    if (known === undefined) return []
    const isDelivered = outcome === 'delivered'
    return [
      {
        to: placeOfNotice(known),
        outcome: outcome ?? 'due',
        attempts: attemptsFailed + (isDelivered ? 1 : 0),
        settledAt: settledAt?.toISOString() ?? null,
        error: isDelivered ? null : error,
      },
    ]
  })
}

type Progress = Pick<RunReport, 'rows' | 'bytes' | 'chunks' | 'chunksPlanned'>

async function progressOf(sql: Sql, runId: RunId, plan: ledger.PlanRow | null, published: boolean): Promise<Progress> {
  const planned = await ledger.countChunks(sql, runId)
  const done = await ledger.countChunksDone(sql, runId)
  const slices = plan?.staged ? await ledger.countSlicesDone(sql, runId, plan.epoch) : null
  if (plan !== null && slices !== null && planned.chunks === 0 && slices.records + done.read > 0)
    return exported(plan, slices, done, published)
  const allKnown = plan !== null && (slices === null || slices.slicesDone === plan.slices)
  const staging = await ledger.readStaging(sql, runId)
  const inTable = staging === null ? done.loaded : ((await ledger.readPublished(sql, runId))?.loaded ?? null)
  // What a merge left out shows when the run is published; before, nothing is loaded.
  const filtered = done.filtered + (inTable === null ? 0 : done.loaded - inTable)
  return {
    rows: { read: done.read, loaded: inTable ?? 0, dirty: done.dirty, filtered },
    bytes: done.bytes,
    chunks: done.chunksDone,
    chunksPlanned: allKnown ? planned.chunks : null,
  }
}

/** An export's slices are its chunks; its rows are loaded once `finish` has published them. */
function exported(
  plan: ledger.PlanRow,
  slices: { slicesDone: number; records: number; bytes: number },
  { dirty, filtered }: { dirty: number; filtered: number },
  published: boolean,
): Progress {
  const { records, bytes, slicesDone } = slices
  return {
    rows: { read: records + dirty + filtered, loaded: published ? records : 0, dirty, filtered },
    bytes,
    chunks: slicesDone,
    chunksPlanned: plan.slices,
  }
}
