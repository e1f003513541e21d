import { asTransferError, TransferError } from '../errors/index.ts'
import { type Notice, placeOfNotice } from '../job/notice.ts'
import { isReference } from '../job/secret-reference.ts'
import * as ledger from '../ledger/index.ts'
import { defaultDelivery, deliver } from '../notices/deliver.ts'
import { messageOf, type NoticeFacts } from '../notices/message.ts'
import { recordIncident } from './job-store.ts'
import { reportRun } from './report.ts'
import type { RunContext } from './run-context.ts'

/** Rounds of `finish` that try, each with the attempts of `deliver`: over the doubling lease, two hours. */
const maxRounds = 6

/** Inside the transaction that ends the run: which of its notices are due. */
export async function recordNotices({ sql, run, world }: RunContext, state: NoticeFacts['state']): Promise<void> {
  const { runId, generation } = run
  for (const [notice, { on }] of (run.spec.notices ?? []).entries())
    if (on.includes(state)) await ledger.insertNoticeDue(sql, { runId, generation, notice }, world.clock.now())
}

/**
 * Sends what is due and not settled. The row that settles a notice follows its delivery, so a crash between the two sends it
 * twice, under the same delivery id, and none is lost. One that cannot be delivered is tried again by `tick`, then an incident.
 */
export async function sendNotices(context: RunContext): Promise<void> {
  const { sql, run, world } = context
  const open = (await ledger.listNotices(sql, run.runId, run.generation)).filter(({ outcome }) => outcome === null)
  if (open.length === 0 || !(await ledger.becomeSender(sql, run.runId))) return
  const report = await reportRun(sql, run.runId, world.clock.now(), world.settings.prices)
  if (report === null || (report.state !== 'succeeded' && report.state !== 'failed' && report.state !== 'stopped'))
    return
  const facts = { ...report, state: report.state }
  for (const { notice, attemptsFailed } of open) await sendOne(context, notice, attemptsFailed, factsOf(facts))
}

/** No more than a receiver needs: a report may grow. */
function factsOf({
  runId,
  job,
  state,
  rows,
  bytes,
  seconds,
  requestedAt,
  finishedAt,
  error,
}: NoticeFacts): NoticeFacts {
  const told = error === null ? null : { code: error.code, message: error.message, advice: error.advice }
  return { runId, job, state, rows, bytes, seconds, requestedAt, finishedAt, error: told }
}

async function sendOne(context: RunContext, index: number, attemptsFailed: number, facts: NoticeFacts): Promise<void> {
  const { sql, run, world } = context
  const notice = run.spec.notices?.[index]
  const id = { runId: run.runId, generation: run.generation, notice: index }
  if (notice === undefined) return
  try {
    await deliverNotice(context, notice, `${run.runId}-${run.generation}-${index}`, facts)
    await ledger.insertNoticeSettled(sql, id, 'delivered', world.clock.now())
    context.log.info('notice delivered', { notice: index, to: placeOfNotice(notice) })
  } catch (thrown) {
    const error = asTransferError(thrown)
    context.log.warn('notice not delivered', { notice: index, to: placeOfNotice(notice), error: error.report() })
    await ledger.insertNoticeFailed(sql, id, attemptsFailed, error.report(), world.clock.now())
    const isHopeless = error.policy.retry === 'never' || attemptsFailed + 1 >= maxRounds
    if (isHopeless) await giveUpOn(context, id, notice, error)
  }
}

async function deliverNotice(
  { world, deadline }: RunContext,
  notice: Notice,
  deliveryId: string,
  facts: NoticeFacts,
): Promise<void> {
  const url = isReference(notice.webhook) ? await world.secrets.resolve(notice.webhook) : notice.webhook
  if (!URL.canParse(url)) throw new TransferError('run/notice-refused', `${notice.webhook} holds no URL`)
  const secret = notice.secret === null ? null : await world.secrets.resolve(notice.secret)
  const message = messageOf(notice.format, url, facts, { deliveryId, secret, sentAt: world.clock.now() })
  await deliver(notice.format, message, { ...defaultDelivery, signal: deadline.signal })
}

async function giveUpOn(
  { sql, run, world }: RunContext,
  id: ledger.NoticeId,
  notice: Notice,
  error: TransferError,
): Promise<void> {
  if (!(await ledger.insertNoticeSettled(sql, id, 'undeliverable', world.clock.now()))) return
  const message = `the notice of run ${run.runId} of ${run.job} to ${placeOfNotice(notice)} was not delivered: ${error.message}`
  const incident = new TransferError(
    error.code,
    message,
    { ...error.context, runId: run.runId, job: run.job },
    { cause: error },
  )
  await recordIncident(world.store, incident, world.clock.now())
}
