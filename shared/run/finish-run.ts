import type { CopyTarget, ObjectTarget, Target } from '../connectors/contract.ts'
import { asTransferError, type ErrorReport, TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { runInTransaction } from '../load/author-sql.ts'
import { stagePrefix } from '../staging/keys.ts'
import { beginNext } from './begin-next.ts'
import { isSameDatabase, openSource, openTarget } from './ends.ts'
import type { FinishEvent } from './events.ts'
import { keepFunctionUse } from './function-use.ts'
import { advanceMark } from './increment.ts'
import { beginAfter, leadThoseWhoLeft } from './lead-arrivals.ts'
import { recordNotices, sendNotices } from './notices.ts'
import { runElsewhere } from './plan-run.ts'
import { isPublishedElsewhere, publishRun } from './publish-run.ts'
import { checkErrorLimit, reconcile } from './reconcile.ts'
import { reportRun } from './report.ts'
import { openRun, type RunContext } from './run-context.ts'
import { isAtomic } from './run-staging.ts'
import { summaryLines, summaryOf } from './run-summary.ts'
import { sendOneWaiting, waitForSlot } from './slot-waits.ts'
import type { StepAnswer } from './step.ts'
import { isComplete } from './window.ts'
import type { Deadline, World } from './world.ts'

/**
 * Ends a run, whatever its state: publishes and runs `postSql` when everything is there and adds up, else says why not.
 * May be repeated at any point: publishing is idempotent, and the row that ends the run commits with `postSql`.
 */
export async function finishRun(world: World, event: FinishEvent, deadline: Deadline): Promise<StepAnswer> {
  await using sql = await world.connectSql(event.ledger, deadline.signal)
  const context = await openRun(world, sql, { address: event.ledger, runId: event.runId }, deadline)
  try {
    return await finishOnce(context, event)
  } finally {
    await keepFunctionUse(context, 'finish')
  }
}

async function finishOnce(context: RunContext, event: FinishEvent): Promise<StepAnswer> {
  const { sql } = context
  if (event.generation !== context.run.generation) return { outcome: 'over' }
  const halt = await ledger.readHalt(sql, event.runId, event.generation)
  if (halt === null && !(await isComplete(context))) return { outcome: 'over' }
  if (halt === null || (halt !== 'finished' && (await isPublishedElsewhere(context)))) {
    const outcome = await succeed(context)
    await sendOneWaiting(context)
    if (outcome === 'waiting') return { outcome }
  } else if (halt !== 'finished') await endBadly(context, halt)
  const finished = await ledger.readFinished(sql, event.runId, event.generation)
  if (finished !== null) await beginAfter(context)
  if (finished?.state === 'succeeded') {
    await beginNext(context)
    await cleanUp(context)
  }
  await sendNotices(context)
  await leadThoseWhoLeft(context)
  return { outcome: 'done' }
}

async function succeed(context: RunContext): Promise<'ended' | 'waiting'> {
  try {
    await reconcile(context)
    await checkErrorLimit(context)
    await publish(context)
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (error.code === 'connect/no-slot') {
      await waitForSlot(context, { step: 'finish' }, error)
      return 'waiting'
    }
    if (error.policy.retry === 'again') throw error
    context.log.error('finish failed', { error: error.report() })
    await end(context, { state: 'failed', error: error.report() })
  }
  return 'ended'
}

async function publish(context: RunContext): Promise<void> {
  context.world.reach('finish/before-publish')
  await using target = await openTarget(context)
  if (target.kind === 'object') {
    await publishObjects(context, target)
    context.world.reach('finish/after-publish')
    return await end(context, { state: 'succeeded', error: null })
  }
  if (target.kind === 'rows') {
    await target.publish()
    await end(context, { state: 'succeeded', error: null })
    context.world.reach('finish/after-publish')
    return await target.forget(context.run.runId)
  }
  await end(context, { state: 'succeeded', error: null }, await publicationOf(context, target))
  context.world.reach('finish/after-publish')
}

/** What the transaction that ends the run does besides. */
async function publicationOf(context: RunContext, target: CopyTarget): Promise<() => Promise<void>> {
  if (isAtomic(target)) return () => publishRun(context, target)
  const here = isSameDatabase(target.connection, context.address)
  if (!here) await runElsewhere(context, target.connection, { list: 'postSql', statements: target.postSql })
  return async () => {
    if (here) await runInTransaction(context.sql, 'postSql', target.postSql)
  }
}

const publishAtOnce = 8

/** Completes the uploads that the sealed slices name; an upload completed by an earlier attempt is not an error. */
async function publishObjects(context: RunContext, target: ObjectTarget): Promise<void> {
  const plan = await ledger.readPlan(context.sql, context.run.runId)
  const uploads = await ledger.listUploads(context.sql, context.run.runId, plan?.epoch ?? 0)
  const some = uploads.some((upload) => upload.uploadId !== null)
  const header = some || uploads.length === 0 ? null : await headerOf(context, target)
  for (let at = 0; at < uploads.length; at += publishAtOnce) {
    await Promise.all(
      uploads.slice(at, at + publishAtOnce).map(({ key, uploadId }) => publishOne(target, key, uploadId, header)),
    )
  }
}

async function publishOne(
  target: ObjectTarget,
  key: string,
  uploadId: string | null,
  header: Uint8Array | null,
): Promise<void> {
  if (uploadId !== null) await target.store.completeUpload(key, uploadId)
  else if (header !== null) await target.store.put(key, header, target.putOptions)
}

/** An export of no rows leaves one object, with its header if it has one (DataX `generateEmptyFile`). */
async function headerOf(context: RunContext, target: Target & { kind: 'object' }): Promise<Uint8Array> {
  await using source = await openSource(context)
  const header = target.header(await source.columns())
  if (target.pack === null) return header
  const pieces: Uint8Array[] = []
  for await (const piece of target.pack(only(header))) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function* only(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}

async function endBadly(context: RunContext, halt: 'failed' | 'stopped'): Promise<void> {
  const { sql, run } = context
  const failure = await ledger.readFirstFailure(sql, run.runId, run.generation)
  const stopped = new TransferError('run/stopped', 'the run was stopped on request')
  await end(context, { state: halt, error: failure?.error ?? stopped.report() })
}

/**
 * The exclusive lock waits for loaders whose rows are on their way, so that the counts of an ended run stay true;
 * a loader that comes later sees why the run is over and rolls back.
 */
async function end(
  context: RunContext,
  ending: { state: 'succeeded' | 'failed' | 'stopped'; error: ErrorReport | null },
  publication: () => Promise<void> = async () => undefined,
): Promise<void> {
  const { sql, run, world } = context
  try {
    await sql.transaction(async () => {
      await ledger.lockRunExclusive(sql, run.runId)
      if ((await ledger.readFinished(sql, run.runId, run.generation)) !== null) return
      await publication()
      if (ending.state === 'succeeded') await advanceMark(context)
      // Behind the author's SQL: should that end the transaction, no end of the run is in it.
      await ledger.insertFinished(sql, {
        runId: run.runId,
        generation: run.generation,
        ...ending,
        at: world.clock.now(),
      })
      await recordNotices(context, ending.state)
    })
  } catch (error) {
    const finished = await ledger.readFinished(sql, run.runId, run.generation)
    if (finished === null) throw error
  }
  await logEnd(context, ending.state)
}

/** In the words of DataX, whose labels people search logs for, and as numbers. */
async function logEnd({ sql, run, world, log }: RunContext, state: string): Promise<void> {
  const report = await reportRun(sql, run.runId, world.clock.now(), world.settings.prices)
  const summary = report === null ? null : summaryOf(report)
  log.info(`run ${state}`, { ...summary })
  for (const line of summary === null ? [] : summaryLines(summary)) log.info(line)
}

/** A run that may be retried keeps what it has staged; `retry` goes on from there. */
async function cleanUp(context: RunContext): Promise<void> {
  const { world, run } = context
  world.reach('finish/before-clean-up')
  const keys: string[] = []
  for await (const head of world.store.list(stagePrefix(run.runId))) keys.push(head.key)
  await world.store.remove(keys)
}
