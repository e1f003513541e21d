import type { CopyTarget } from '../connectors/contract.ts'
import * as ledger from '../ledger/index.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import { loadIsolating } from '../load/isolate.ts'
import type { SourceRecord } from '../load/look-ahead.ts'
import type { Sql } from '../ports/index.ts'
import { takeSlot } from '../postgres/connection-slots.ts'
import type { Tried } from './correction.ts'
import { isSameDatabase } from './ends.ts'
import { asSent } from './isolate-block.ts'
import { putInto } from './put-of.ts'
import type { RecordShape } from './replay-piece.ts'
import type { RunContext } from './run-context.ts'

export interface ReplayAnswer {
  readonly loaded: number
  /** Records that a merge took and left out, as another of their key stays, or that the job's transformation leaves out. */
  readonly filtered: number
  /** Replayed before. */
  readonly already: number
  /** Still refused, each with its new reason. */
  readonly refused: readonly DirtyRecord[]
}

export interface Replay {
  readonly target: CopyTarget
  readonly piece: string
  readonly shape: RecordShape
  readonly tried: readonly Tried[]
}

/** Loads each record that was not replayed before, in one transaction with the fact that it was. */
export async function replayRecords(context: RunContext, replay: Replay): Promise<ReplayAnswer> {
  const { connection } = replay.target
  if (isSameDatabase(connection, context.address)) {
    await using _slot = await takeSlot(context.sql, connection)
    return await replayIn(context, context.sql, replay)
  }
  await using session = await context.world.connectSql(connection, context.deadline.signal)
  await ledger.migrate(session, context.world.clock.now())
  return await replayIn(context, session, replay)
}

async function replayIn(context: RunContext, sql: Sql, replay: Replay): Promise<ReplayAnswer> {
  const { target, piece, shape, tried } = replay
  const id = { runId: context.run.runId, piece }
  const openPut = await putInto(context, sql, target, { ...shape, encoding: shape.sent })
  const refused: DirtyRecord[] = []
  return await sql.transaction(async () => {
    // Of two at once the second waits, and finds what the first has loaded: the key of a table would call it dirty.
    await ledger.lockRunExclusive(sql, id.runId)
    const done = await ledger.listReplayed(sql, id)
    const open = tried.filter(({ record }) => !done.has(record.record))
    const isolated = await loadIsolating<Replayed>(sql, {
      put: await openPut(),
      records: together(open.map((one, index) => asReplayed(one, index, shape)).filter((one) => one !== null)),
      onDirty: ({ tried: { record } }, { code, message, sqlstate, column }) =>
        void refused.push({ ...record, code, reason: message, sqlstate, column }),
      signal: context.deadline.signal,
    })
    const stillDirty = new Set(refused.map(({ record }) => record))
    const loaded = open.map(({ record }) => record.record).filter((record) => !stillDirty.has(record))
    if (loaded.length > 0) await ledger.insertReplayed(sql, id, loaded, context.world.clock.now())
    const leftOut = open.length - isolated.loaded - isolated.superseded - isolated.dirty
    const already = tried.length - open.length
    return { loaded: isolated.loaded, filtered: isolated.superseded + leftOut, already, refused }
  })
}

interface Replayed extends SourceRecord {
  readonly tried: Tried
}

async function* together(records: readonly Replayed[]): AsyncIterable<readonly Replayed[]> {
  yield records
}

/** null: the transformation leaves it out. */
function asReplayed(tried: Tried, index: number, { encoding, rewriter }: RecordShape): Replayed | null {
  const number = index + 1
  if (tried.bytes === null) return { tried, number, offset: 0, bytes: Buffer.alloc(0), refusal: onlyBeginning }
  const { bytes, length } = { bytes: tried.bytes, length: tried.bytes.length }
  const source = { bytes, length, isTooLarge: false, number, offset: 0 }
  const sent = asSent(source, { encoding, maxRecordBytes: length }, tried.form === 'fields' ? null : rewriter)
  return sent === null ? null : { ...sent, tried }
}

const onlyBeginning = {
  code: 'record/too-large',
  message: 'only the beginning of the record was kept; give it whole in a file',
  sqlstate: null,
  column: null,
} as const
