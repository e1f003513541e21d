import { TransferError } from '../errors/index.ts'
import type { JobSpec } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import type { PostgresConnection } from '../ports/index.ts'
import { type EndsContext, ledgerOf, openSource } from './ends.ts'
import { incrementalOf, runInTheWay } from './increment.ts'
import type { Deadline, World } from './world.ts'

export interface Watermark {
  readonly job: string
  /** What the job reads now. */
  readonly source: string
  readonly ledger: PostgresConnection
  /** The last first; the first counts. `value` null: from the start. */
  readonly marks: readonly ledger.Mark[]
  /** A run that reads on from the mark now. */
  readonly openRun: string | null
}

const shownMarks = 20

/** @throws job/invalid when the job does not read incrementally; connect/* */
export async function showWatermark(world: World, spec: JobSpec, deadline: Deadline): Promise<Watermark> {
  const { source } = await sourceOf(world, spec)
  const address = await ledgerOf(world, spec)
  await using sql = await world.connectSql(address, deadline.signal)
  await ledger.migrate(sql, world.clock.now())
  const marks = await ledger.listMarks(sql, spec.name, shownMarks)
  return { job: spec.name, source, ledger: address, marks, openRun: await runInTheWay(sql, spec.name, null) }
}

async function sourceOf(world: World, spec: JobSpec) {
  const incremental = await incrementalOf(world, spec)
  if (incremental !== null) return incremental
  throw new TransferError(
    'job/invalid',
    `job ${spec.name} does not read incrementally: its reader has no \`incremental\``,
  )
}

/**
 * The next run reads what is greater than `value`; null: from the start again. The row that a run would need to begin
 * is taken in the same transaction, so no run is planned from the old mark meanwhile.
 * @throws run/increment-taken while a run of the job is open; job/invalid for what is no value of the column
 */
export async function setWatermark(
  world: World,
  spec: JobSpec,
  value: string | null,
  deadline: Deadline,
): Promise<Watermark> {
  const { source } = await sourceOf(world, spec)
  if (value !== null) await refuseUnreadable({ world, log: world.log, deadline, run: { spec, trigger: null } }, value)
  const address = await ledgerOf(world, spec)
  await using sql = await world.connectSql(address, deadline.signal)
  await ledger.migrate(sql, world.clock.now())
  const open = await runInTheWay(sql, spec.name, null)
  if (open !== null) throw isOpen(spec, open)
  const at = world.clock.now()
  const sequence = (await ledger.readMark(sql, spec.name))?.sequence ?? 0
  const last = await ledger.readLastClaim(sql, spec.name)
  const attempt = last?.sequence === sequence ? last.attempt + 1 : 0
  const nobody = { runId: null, generation: 0, increment: null }
  try {
    await sql.transaction(async () => {
      await ledger.insertWatermarkClaim(sql, { job: spec.name, sequence, attempt, source, ...nobody }, at)
      await ledger.insertMark(sql, spec.name, { sequence: sequence + 1, source, value, runId: null, at })
    })
  } catch (error) {
    throw ledger.isDuplicate(error) ? isOpen(spec, 'that has just begun') : error
  }
  return await showWatermark(world, spec, deadline)
}

const isOpen = ({ name }: JobSpec, run: string) =>
  new TransferError('run/increment-taken', `run ${run} of job ${name} is open and reads on from the mark`, {
    job: name,
  })

async function refuseUnreadable(context: EndsContext, value: string): Promise<void> {
  await using source = await openSource(context)
  await source.askIncrement?.({ low: value, lowIncluded: false })
}
