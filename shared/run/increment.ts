import type { Decision, Increment, Low, Source, Target } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type { JobName, JobSpec, RunId } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import type { RunContext } from './run-context.ts'
import type { World } from './world.ts'

/** The rows a run reads: from the mark its job has come to, up to the mark it will leave. */
export interface PlannedIncrement {
  readonly increment: Increment
  /** The number of the mark it reads on from; 0: there is none. */
  readonly sequence: number
  readonly source: string
  readonly decision: Decision
}

/** What the job says of reading incrementally. null: nothing. */
export async function incrementalOf(world: Pick<World, 'findReader'>, spec: JobSpec) {
  const reader = await world.findReader(spec.reader.kind)
  return reader.incremental?.(reader.options.parse(spec.reader.options)) ?? null
}

/**
 * Asks the source how far the run may read. One that was planned before reads what it was planned to.
 * @returns null when the job reads all rows
 * @throws run/other-watermark, job/invalid
 */
export async function planIncrement(
  world: Pick<World, 'findReader'>,
  sql: Sql,
  source: Source,
  run: { readonly spec: JobSpec; readonly runId: RunId | null },
): Promise<PlannedIncrement | null> {
  const incremental = await incrementalOf(world, run.spec)
  if (incremental === null || source.askIncrement === null) return null
  const claim = run.runId === null ? null : await ledger.readClaimOfRun(sql, run.runId)
  if (claim?.increment) {
    const { increment, sequence } = claim
    const why = 'an attempt before this one was planned so'
    return { increment, sequence, source: claim.source, decision: { what: whatOf(increment), why } }
  }
  const mark = await readMarkIfAny(sql, run.spec.name)
  if (mark !== null && mark.source !== incremental.source) throw otherSource(run.spec.name, mark, incremental.source)
  const low: Low =
    mark?.value == null ? { low: incremental.from, lowIncluded: true } : { low: mark.value, lowIncluded: false }
  const { increment, why } = await source.askIncrement(low)
  const decision = { what: whatOf(increment), why: `${originOf(mark, incremental.from)}; ${why}` }
  return { increment, sequence: mark?.sequence ?? 0, source: incremental.source, decision }
}

function otherSource(job: JobName, mark: ledger.Mark, source: string): TransferError {
  const message = `the mark of job ${job} is one of ${mark.source}, and the job now reads ${source}`
  return new TransferError('run/other-watermark', message, { job })
}

/** `plan` may look before the first run has made the ledger. */
async function readMarkIfAny(sql: Sql, job: JobName): Promise<ledger.Mark | null> {
  try {
    return await ledger.readMark(sql, job)
  } catch (error) {
    const state = error instanceof TransferError ? error.context.sqlstate : undefined
    if (state === '42P01' || state === '3F000') return null
    throw error
  }
}

/** As people write it; a value is one of the source, which stands in the plan as bounds of keys do. */
export function whatOf({ column, low, lowIncluded, high }: Increment): string {
  const lower = low === null ? [] : [`${column} ${lowIncluded ? '>=' : '>'} ${low}`]
  const upper = high === null ? [] : [`${column} <= ${high}`]
  const rows = [...lower, ...upper].join(' and ')
  return high === null ? `no rows${rows === '' ? '' : ` with ${rows}`}` : `rows with ${rows}`
}

function originOf(mark: ledger.Mark | null, from: string | null): string {
  const begin = from === null ? 'begins at the first row' : 'begins where `incremental.from` says'
  if (mark === null) return `no run of the job has left a mark, so it ${begin}`
  if (mark.value === null) return `the mark was reset, so it ${begin}`
  return mark.runId === null ? 'the mark was set by hand' : `run ${mark.runId} left the mark`
}

/** A run of the job that has not ended and reads on from the same mark. null: the way is free. */
export async function runInTheWay(sql: Sql, job: JobName, runId: RunId | null): Promise<RunId | null> {
  const claim = await ledger.readLastClaim(sql, job)
  if (claim === null || claim.runId === null || claim.runId === runId) return null
  const run = await ledger.readRun(sql, claim.runId)
  if (run === null) return null
  const finished = await ledger.readFinished(sql, run.runId, run.generation)
  return finished === null ? run.runId : null
}

/**
 * Inside the transaction that records the plan: its primary key lets one run read on from a mark at a time. The mark is
 * looked at after those who hold it, as the end of a run moves both at once.
 * @throws 23505 or run/increment-taken when another run was faster; run/increment-half-loaded
 */
export async function claimIncrement(
  { sql, run, world }: RunContext,
  { increment, sequence, source }: PlannedIncrement,
  target: Target,
): Promise<void> {
  const last = await ledger.readLastClaim(sql, run.job)
  const other = await runInTheWay(sql, run.job, run.runId)
  if (other !== null) throw incrementTaken(other)
  if (((await ledger.readMark(sql, run.job))?.sequence ?? 0) !== sequence)
    throw incrementTaken(last?.runId ?? run.runId)
  if (!isHarmlessTwice(target)) await refuseHalfLoaded(sql, run, sequence)
  const attempt = last?.sequence === sequence ? last.attempt + 1 : 0
  const { runId, generation, job } = run
  const claim = { job, sequence, attempt, source, runId, generation, increment }
  await ledger.insertWatermarkClaim(sql, claim, world.clock.now())
}

/** Rows that replace those of the same key, and what nobody sees before the end. */
const isHarmlessTwice = (target: Target): boolean =>
  target.kind === 'object' || (target.kind === 'copy' && (target.conflict !== null || target.publication !== null))

/** What a failed run has loaded stays in the table, and would be there twice. */
async function refuseHalfLoaded(sql: Sql, run: ledger.RunRow, sequence: number): Promise<void> {
  for (const other of await ledger.listClaimants(sql, run.job, sequence)) {
    if (other === run.runId) continue
    const { loaded } = await ledger.countChunksDone(sql, other)
    if (loaded === 0) continue
    const message = `run ${other} of this job has not succeeded and has loaded ${loaded} rows behind the same mark, which would be there twice`
    throw new TransferError('run/increment-half-loaded', message, { other, loaded })
  }
}

/**
 * A retry reads the rows it was planned for, which nobody else may have begun to read since.
 * @returns the claim of its next generation; null when it has none to make
 * @throws run/watermark-moved, run/increment-taken
 */
export async function claimOfRetry(sql: Sql, run: ledger.RunRow): Promise<ledger.Claim | null> {
  const own = await ledger.readClaimOfRun(sql, run.runId)
  const last = own === null ? null : await ledger.readLastClaim(sql, run.job)
  if (own === null || last === null) return null
  if (((await ledger.readMark(sql, run.job))?.sequence ?? 0) !== own.sequence) throw moved(run)
  if (last.runId !== null && last.runId !== run.runId) {
    const inTheWay = await runInTheWay(sql, run.job, run.runId)
    const { loaded } = await ledger.countChunksDone(sql, last.runId)
    if (inTheWay !== null || loaded > 0) throw incrementTaken(last.runId)
  }
  return { ...own, attempt: last.attempt + 1, generation: run.generation + 1 }
}

const moved = ({ runId, job }: ledger.RunRow) =>
  new TransferError('run/watermark-moved', `the mark of job ${job} has moved since run ${runId} was planned`, { job })

export const incrementTaken = (other: RunId) =>
  new TransferError('run/increment-taken', `run ${other} reads on from the same mark; go on with that one`, { other })

/**
 * Inside the transaction that ends the run with success. A run without rows leaves the mark where it is.
 * @throws run/watermark-moved
 */
export async function advanceMark({ sql, run, world }: RunContext): Promise<void> {
  const claim = await ledger.readClaimOfRun(sql, run.runId)
  const value = claim?.increment?.high ?? null
  if (claim === null || value === null) return
  if (((await ledger.readMark(sql, run.job))?.sequence ?? 0) !== claim.sequence) throw moved(run)
  const { sequence, source } = claim
  const mark = { sequence: sequence + 1, source, value, runId: run.runId, at: world.clock.now() }
  try {
    await ledger.insertMark(sql, run.job, mark)
  } catch (error) {
    throw ledger.isDuplicate(error) ? moved(run) : error
  }
}
