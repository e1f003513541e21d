import { asTransferError, TransferError } from '../errors/index.ts'
import { type JobSpec, type RunId, type RunKey, runIdOf } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection, SqlSession } from '../ports/index.ts'
import { send } from './dispatch.ts'
import { ledgerOf } from './ends.ts'
import { registerLedger } from './job-store.ts'
import { openRun, type RunContext } from './run-context.ts'
import { releaseIfReady } from './waiting.ts'
import type { Deadline, World } from './world.ts'

export interface RunRequest {
  readonly runKey: RunKey
  readonly spec: JobSpec
  readonly trigger: ledger.TriggerFact
  /** Of a schedule or a backfill: the time it is for and what it waits for. */
  readonly cycle?: ledger.NewCycle
}

export interface StartedRun {
  readonly runId: RunId
  /** `existing`: this trigger was delivered before; nothing new was begun. */
  readonly outcome: 'started' | 'existing'
  readonly ledger: PostgresConnection
}

/**
 * Turns a trigger into a run: one row whose primary key is made from the trigger, then `plan`. A repeat after a crash
 * between the two finds the row and sends `plan` again, under the same task id.
 * @throws job/no-adbpg-end, connect/*
 */
export async function startRun(world: World, request: RunRequest, deadline: Deadline): Promise<StartedRun> {
  const { runKey, spec, trigger, cycle = null } = request
  const runId = runIdOf(runKey)
  const address = await ledgerOf(world, spec)
  await using sql = await openLedger(world, address, deadline)
  const isNew = await ledger.insertRun(sql, {
    runId,
    runKey,
    job: spec.name,
    spec,
    trigger,
    requestedAt: world.clock.now(),
    cycle,
  })
  world.reach('start/after-run-row')
  const context = await openRun(world, sql, { address, runId }, deadline)
  await sendPlan(context)
  context.log.info(isNew ? 'run started' : 'trigger delivered again: the run exists', { runKey })
  return { runId, outcome: isNew ? 'started' : 'existing', ledger: address }
}

/** A session on a ledger that is up to date, and that `tick` knows of. @throws connect/* */
export async function openLedger(world: World, address: PostgresConnection, deadline: Deadline): Promise<SqlSession> {
  const sql = await world.connectSql(address, deadline.signal)
  try {
    await migrateLedger(sql, world.clock.now(), address)
    await registerOnce(world, address)
    return sql
  } catch (error) {
    await sql[Symbol.asyncDispose]()
    throw error
  }
}

async function registerOnce(world: World, address: PostgresConnection): Promise<void> {
  if (isRemembered(world, address)) return
  await registerLedger(world.store, address)
  world.remembered?.ledgers.add(JSON.stringify(address))
}

const isRemembered = ({ remembered }: World, address: PostgresConnection): boolean =>
  remembered?.ledgers.has(JSON.stringify(address)) ?? false

/**
 * The same for work that is so small that asking for the ledger's version would be a part of it: an instance asks once. Should the
 * ledger have been removed since, or put back from a copy, its tables are missing, and the work is done anew on one that is up to date.
 * @param work may be done any number of times
 */
export async function onKnownLedger<T>(
  world: World,
  address: PostgresConnection,
  deadline: Deadline,
  work: (sql: SqlSession) => Promise<T>,
): Promise<T> {
  if (isRemembered(world, address)) {
    await using sql = await world.connectSql(address, deadline.signal)
    try {
      return await work(sql)
    } catch (error) {
      if (!ledger.isMissing(error)) throw error
    }
  }
  await using sql = await openLedger(world, address, deadline)
  return await work(sql)
}

/** Any number of times: what is planned already is left alone, and the platform queues a sending once. */
export async function sendPlan(context: RunContext): Promise<void> {
  const isPlanned = (await ledger.readPlan(context.sql, context.run.runId)) !== null
  if (!isPlanned && (await releaseIfReady(context))) await send(context, { step: 'plan' })
}

async function migrateLedger(
  sql: Parameters<typeof ledger.migrate>[0],
  now: Date,
  address: PostgresConnection,
): Promise<void> {
  try {
    await ledger.migrate(sql, now)
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (error.code !== 'connect/permission-denied') throw error
    const message = `user ${address.user} may not create schema adbpg_sync in database ${address.database}`
    throw new TransferError(
      'connect/permission-denied',
      message,
      { ...error.context, user: address.user },
      { cause: thrown },
    )
  }
}
