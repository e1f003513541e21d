import { setTimeout as sleep } from 'node:timers/promises'
import type { CopyTarget, Target } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import { runIdOf, runKeyOfObject } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import { type AuthorList, runInTransaction } from '../load/author-sql.ts'
import type { WorkPlan } from '../plan/work.ts'
import type { Sql } from '../ports/index.ts'
import { type Capabilities, probeCapabilities } from '../postgres/capabilities.ts'
import { decideWork, holdSnapshot } from './decide-work.ts'
import { send } from './dispatch.ts'
import { isSameDatabase, openSource, openTarget } from './ends.ts'
import { claimIncrement, incrementalOf, type PlannedIncrement, planIncrement, runInTheWay } from './increment.ts'
import { recordIncident } from './job-store.ts'
import type { RunContext } from './run-context.ts'
import { isAtomic, publicationPlanOf, stagingOf } from './run-staging.ts'
import { sendOneWaiting } from './slot-waits.ts'
import { finishIfComplete, isComplete, sendChunksInTurn } from './window.ts'

/**
 * Decides how the run is cut and sends the first pieces. A repeat finds the plan in the ledger and only sends again;
 * unless its slices hang on a snapshot, which died with the first attempt: then the export starts over in a new epoch,
 * and nothing of the old one was ever visible.
 */
export async function planRun(context: RunContext): Promise<void> {
  const { sql, run } = context
  const existing = await ledger.readPlan(sql, run.runId)
  if (existing !== null && (!existing.held || (await isComplete(context)))) return await sendFirst(context, existing)
  if (!(await ledger.becomeHolder(sql, run.runId))) return
  await using source = await openSource(context)
  await using target = await openTarget(context)
  if (await waitsForMark(context)) return
  // Before the snapshot: a row that is committed between the two is then read, not left behind a mark that has passed it.
  const planned = await planIncrement(context.world, sql, source, run)
  await using snapshot = await holdSnapshot(source, target)
  const gathered = run.trigger.type === 'objects' ? await ledger.listArrivalsOfRun(sql, run.runId) : null
  const plan = await decideWork(context, source, target, {
    snapshot: snapshot?.token ?? null,
    planned,
    ...(gathered && { gathered }),
  })
  for (const decision of plan.decisions) context.log.info(`plan: ${decision.what}`, { why: decision.why })
  const epoch = existing === null ? 0 : existing.epoch + 1
  if (target.kind === 'object') await target.prepare(run.runId)
  if (!(await record(context, target, plan, { epoch, planned }))) return
  if (plan.slices.length === 0 && planned === null && plan.refused.length === 0) await tellEmpty(context, plan)
  context.world.reach('plan/after-rows')
  await sendOneWaiting(context)
  await sendFirst(context, { epoch, slices: plan.toStage.length })
  if (snapshot === null) return
  await holdUntilRead(context, epoch)
  await snapshot[Symbol.asyncDispose]()
  await sendOneWaiting(context)
}

/**
 * No error, as feeds have empty days; but somebody may have expected rows. The run is not named: a job that finds nothing
 * every minute is one incident an hour.
 */
async function tellEmpty({ world, run }: RunContext, { decisions }: WorkPlan): Promise<void> {
  const message = `job ${run.job} had no rows to move: ${decisions.map(({ what }) => what).join('; ')}`
  await recordIncident(world.store, new TransferError('source/empty', message, { job: run.job }), world.clock.now())
}

/** Another run of the job reads on from the same mark. `tick` begins this one when that has ended. */
async function waitsForMark({ world, sql, run, log }: RunContext): Promise<boolean> {
  const other = (await incrementalOf(world, run.spec)) === null ? null : await runInTheWay(sql, run.job, run.runId)
  if (other !== null) log.info('the run waits for another of its job, which reads on from the same mark', { other })
  return other !== null
}

interface Recorded {
  readonly epoch: number
  readonly planned: PlannedIncrement | null
}

/** @returns false when another run of the job was faster to read on from the mark */
async function record(context: RunContext, target: Target, plan: WorkPlan, recorded: Recorded): Promise<boolean> {
  try {
    await recordAll(context, target, plan, recorded)
    return true
  } catch (error) {
    const isTaken = error instanceof TransferError && error.code === 'run/increment-taken'
    if (recorded.planned === null || !(isTaken || ledger.isDuplicate(error))) throw error
    context.log.info('another run of the job was faster to read on from the mark; `tick` plans this one again')
    return false
  }
}

const setAsideBy =
  ({ job }: RunContext['run']) =>
  ({ bucket, key, etag, error }: WorkPlan['refused'][number]): ledger.SetAside => ({
    arrivalId: runIdOf(runKeyOfObject(job, bucket, key, etag)),
    records: 0,
    error: error.report(),
  })

/** One transaction: `preSql` has run if and only if the plan is known, where the ledger shares the destination's database. */
async function recordAll(
  context: RunContext,
  target: Target,
  plan: WorkPlan,
  { epoch, planned }: Recorded,
): Promise<void> {
  const { sql, run, world, address } = context
  const capabilities = await capabilitiesOf(context, target)
  const first = target.kind === 'copy' ? await firstStatements(context, target, capabilities) : nothing
  const here = target.kind === 'copy' && isSameDatabase(target.connection, address)
  if (target.kind === 'copy' && !here) await runElsewhere(context, target.connection, first)
  if (target.kind === 'rows') await target.prepare()
  await sql.transaction(async () => {
    const { toStage: slices, decisions } = plan
    const held = plan.snapshot !== null
    await ledger.insertPlan(sql, {
      runId: run.runId,
      epoch,
      slices,
      staged: slices.length > 0,
      held,
      decisions,
      capabilities,
      plannedAt: world.clock.now(),
    })
    await ledger.insertChunks(sql, run.runId, plan.chunks)
    await ledger.insertSetAside(sql, run.runId, plan.refused.map(setAsideBy(run)), world.clock.now())
    // A plan that is made anew reads what was claimed before.
    if (planned !== null && epoch === 0) await claimIncrement(context, planned, target)
    if (target.kind === 'copy' && isAtomic(target)) await ledger.insertStaging(sql, run.runId, world.clock.now())
    if (here) await runFirst(sql, first)
  })
}

/** `preSql` stands before the rows: where they become visible at the end of the run, a table that collects them comes first. */
async function firstStatements(
  context: RunContext,
  target: CopyTarget,
  capabilities: Capabilities,
): Promise<FirstStatements> {
  if (!isAtomic(target)) return { list: 'preSql', statements: target.preSql }
  const { world, run, deadline } = context
  await using session = await world.connectSql(target.connection, deadline.signal)
  const { create } = await publicationPlanOf(session, target, capabilities, stagingOf(run.runId))
  return { list: null, statements: [create] }
}

/** Of the server that rows go into; of the one they come from where they go to objects. */
async function capabilitiesOf({ world, sql, address, deadline }: RunContext, target: Target): Promise<Capabilities> {
  if (target.kind !== 'copy' || isSameDatabase(target.connection, address)) return await probeCapabilities(sql)
  await using session = await world.connectSql(target.connection, deadline.signal)
  return await probeCapabilities(session)
}

/** A destination without our ledger: its statements may run again after a crash, which docs/decisions.md says. */
export async function runElsewhere(
  context: RunContext,
  connection: Parameters<RunContext['world']['connectSql']>[0],
  first: FirstStatements,
): Promise<void> {
  await using session = await context.world.connectSql(connection, context.deadline.signal)
  await ledger.migrate(session, context.world.clock.now())
  await session.transaction(() => runFirst(session, first))
}

interface FirstStatements {
  /** null: they are ours. */
  readonly list: AuthorList | null
  readonly statements: readonly string[]
}

const nothing: FirstStatements = { list: null, statements: [] }

async function runFirst(sql: Sql, { list, statements }: FirstStatements): Promise<void> {
  if (list !== null) return await runInTransaction(sql, list, statements)
  for (const statement of statements) await sql.query(statement)
}

async function sendFirst(context: RunContext, plan: { epoch: number; slices: number }): Promise<void> {
  const { concurrent } = context.run.spec.settings
  const first = (count: number) => [...Array(Math.min(concurrent, count)).keys()]
  for (const slice of first(plan.slices)) await send(context, { step: 'stage', epoch: plan.epoch, slice })
  const { chunks } = await ledger.countChunks(context.sql, context.run.runId)
  await sendChunksInTurn(context, first(chunks))
  await finishIfComplete(context)
}

/** Small exports end soon, and large ones are not asked about often. */
const pollMs = { first: 20, longest: 1000 }

/** The snapshot lives as long as this session's transaction, so the planner stays until the last slice has been read. */
async function holdUntilRead(context: RunContext, epoch: number): Promise<void> {
  const { sql, run, deadline, world } = context
  for (let waitMs = pollMs.first; ; waitMs = Math.min(2 * waitMs, pollMs.longest)) {
    const { slicesDone } = await ledger.countSlicesDone(sql, run.runId, epoch)
    // Read anew each time: a slice that took too long was cut into others.
    const slices = (await ledger.readPlan(sql, run.runId))?.slices ?? 0
    if (slicesDone === slices) return
    if ((await ledger.readHalt(sql, run.runId, run.generation)) !== null) return
    if (world.clock.now() >= deadline.softAt) {
      const message = `${slices - slicesDone} of ${slices} slices were unread at the time limit of the plan function, which holds their snapshot`
      throw new TransferError('source/unsplittable-deadline', message, { slices, slicesDone })
    }
    await sleep(waitMs, undefined, { signal: deadline.signal })
  }
}
