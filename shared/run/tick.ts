import { asTransferError } from '../errors/index.ts'
import { runKeyOfSchedule } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection } from '../ports/index.ts'
import { dueTimes, parseCron } from '../schedule/index.ts'
import type { TickEvent, TimerEvent } from './events.ts'
import { giveUp } from './give-up.ts'
import { listLedgers, recordIncident } from './job-store.ts'
import { type DatedJob, loadDatedJobs, resolveDocument } from './jobs.ts'
import { repairRun } from './repair-run.ts'
import { openRun } from './run-context.ts'
import { startRun } from './start-run.ts'
import { reportUnwatched } from './unwatched-jobs.ts'
import type { Deadline, World } from './world.ts'

export interface TickAnswer {
  readonly started: number
  readonly repaired: number
  readonly troubles: number
}

/** Every minute: starts what is due and sends again what was lost. Also the failure destination of the other functions. */
export async function tick(world: World, event: TickEvent, deadline: Deadline): Promise<TickAnswer> {
  if ('requestContext' in event) {
    await giveUp(world, event, deadline)
    return { started: 0, repaired: 0, troubles: 1 }
  }
  const started = await startDue(world, event, deadline)
  const repaired = await repairAll(world, deadline)
  return { started: started.count, repaired: repaired.count, troubles: started.troubles + repaired.troubles }
}

interface Tally {
  count: number
  troubles: number
}

/** One job or ledger in trouble must not keep the others waiting: it becomes an incident, and the next tick tries again. */
async function tallyEach<T>(world: World, items: readonly T[], work: (item: T) => Promise<number>): Promise<Tally> {
  const tally: Tally = { count: 0, troubles: 0 }
  for (const item of items) {
    try {
      tally.count += await work(item)
    } catch (thrown) {
      tally.troubles += 1
      world.log.error('tick met trouble', { error: asTransferError(thrown).report() })
      await recordIncident(world.store, thrown, world.clock.now())
    }
  }
  return tally
}

async function startDue(world: World, event: TimerEvent, deadline: Deadline): Promise<Tally> {
  const until = new Date(event.triggerTime)
  const jobs = await loadDatedJobs(world)
  await reportUnwatched(world, jobs)
  return await tallyEach(world, jobs, (job) => startDueRuns(world, job, until, deadline))
}

/** Looks back, because a tick may be late or lost; the run's key makes a second start harmless. */
async function startDueRuns(world: World, dated: DatedJob, until: Date, deadline: Deadline): Promise<number> {
  const { job, savedAt } = dated
  const after = new Date(Math.max(until.getTime() - world.settings.scheduleLookbackMs, savedAt.getTime()))
  let started = 0
  for (const [index, trigger] of job.triggers.entries()) {
    if (trigger.type !== 'schedule') continue
    for (const due of dueTimes(parseCron(trigger.cron, trigger.timeZone), after, until)) {
      started += await startDueRun(world, dated, `schedule${index}`, due, deadline)
    }
  }
  return started
}

async function startDueRun(
  world: World,
  { job, parsed }: DatedJob,
  triggerName: string,
  due: Date,
  deadline: Deadline,
): Promise<number> {
  const trigger = { type: 'schedule', scheduledAt: due.toISOString() } as const
  const runKey = runKeyOfSchedule(job.name, triggerName, trigger.scheduledAt)
  const spec = await resolveDocument(world, parsed, { trigger, scheduledAt: due })
  const { outcome } = await startRun(world, { runKey, spec, trigger }, deadline)
  return outcome === 'started' ? 1 : 0
}

const runsPerLedger = 500

/** All at once: a database that is gone must not make the others wait for its time-out. */
async function repairAll(world: World, deadline: Deadline): Promise<Tally> {
  const ledgers = await listLedgers(world.store)
  const tallies = await Promise.all(
    ledgers.map((one) => tallyEach(world, [one], (address) => repairLedger(world, address, deadline))),
  )
  return {
    count: tallies.reduce((sum, tally) => sum + tally.count, 0),
    troubles: tallies.reduce((sum, tally) => sum + tally.troubles, 0),
  }
}

async function repairLedger(world: World, address: PostgresConnection, deadline: Deadline): Promise<number> {
  await using sql = await world.connectSql(address, deadline.signal)
  await ledger.migrate(sql, world.clock.now())
  let sent = 0
  for (const runId of await ledger.listOpenRuns(sql, runsPerLedger)) {
    sent += await repairRun(await openRun(world, sql, { address, runId }, deadline))
  }
  return sent
}
