import { setTimeout as sleep } from 'node:timers/promises'
import { paced, type Rate } from '../codecs/pace.ts'
import type { Body } from '../connectors/contract.ts'
import { asTransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Sql, SqlSession } from '../ports/index.ts'
import { lanesLeft, openChunks, openSlices } from './open-pieces.ts'
import type { RunContext } from './run-context.ts'

type Step = 'stage' | 'load'

/**
 * The body no faster than this function may: the run's cap, divided by the lanes that are still under way. Lanes only end,
 * so whoever has not heard of an end takes too little, never too much, and nobody has to be asked before a byte passes.
 * Slices that are cut smaller begin lanes anew; others may take their old share until they ask again, a fifth of ten seconds.
 */
export async function capped(context: RunContext, step: Step, body: Body): Promise<Body> {
  if (!isCapped(context)) return body
  const lanes = await lanesUnderWay(context.sql, context.run, step)
  return { ...body, body: sharedOut(context, step, body, lanes) }
}

export function isCapped({ run }: { readonly run: Pick<RunContext['run'], 'spec'> }): boolean {
  const { bytesPerSecond, recordsPerSecond } = run.spec.settings
  return bytesPerSecond !== null || recordsPerSecond !== null
}

async function* sharedOut(context: RunContext, step: Step, body: Body, lanes: number): AsyncIterable<Uint8Array> {
  await using share = openShare(context, step, lanes)
  const clock = {
    nowMs: () => performance.now(),
    wait: (ms: number) => sleep(ms, undefined, { signal: context.deadline.signal }),
  }
  yield* paced(body, share.rate, clock)
}

interface Share extends AsyncDisposable {
  rate(): Promise<Rate>
}

const askEveryMs = 2000

/** Asks in a session of its own, opened when the piece takes that long: that of the run is busy with its COPY. */
function openShare(context: RunContext, step: Step, lanesAtFirst: number): Share {
  const { bytesPerSecond, recordsPerSecond } = context.run.spec.settings
  let lanes = lanesAtFirst
  let opened: Promise<SqlSession> | null = null
  let nextLookMs = performance.now() + askEveryMs

  async function look(): Promise<void> {
    nextLookMs = performance.now() + askEveryMs
    try {
      opened ??= context.world.connectSql(context.address, context.deadline.signal)
      lanes = await lanesUnderWay(await opened, context.run, step)
    } catch (thrown) {
      // The share that it has is never too large, and whether the ledger answers is for the commit to find out.
      context.log.warn('the share of the rate cap stays as it is', { error: asTransferError(thrown).report() })
      nextLookMs = Number.POSITIVE_INFINITY
    }
  }

  return {
    async rate() {
      if (lanes > 1 && performance.now() >= nextLookMs) await look()
      const part = (cap: number | null) => (cap === null ? null : cap / lanes)
      return { bytesPerSecond: part(bytesPerSecond), recordsPerSecond: part(recordsPerSecond) }
    },
    async [Symbol.asyncDispose]() {
      await (await opened?.catch(() => null))?.[Symbol.asyncDispose]()
    },
  }
}

/**
 * Lanes with an open piece: piece n is followed by n + `concurrent` (window.ts). While chunks are still being staged, more may
 * become known in any lane.
 */
export async function lanesUnderWay(sql: Sql, run: RunContext['run'], step: Step): Promise<number> {
  const { concurrent } = run.spec.settings
  const plan = await ledger.readPlan(sql, run.runId)
  if (plan === null) return concurrent
  if (step === 'stage') return Math.max(1, await lanesLeft(openSlices(sql, run, plan), run))
  if (plan.staged && (await lanesLeft(openSlices(sql, run, plan), run)) > 0) return concurrent
  return Math.max(1, await lanesLeft(await openChunks(sql, run), run))
}
