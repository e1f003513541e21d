import type { Sql } from '../ports/index.ts'
import { bytesOf, LookAhead, recordAtLine, type SourceRecord } from './look-ahead.ts'
import type { PutRecords } from './put-records.ts'
import { isRecordError, miscounted, type RecordReason, reasonOf } from './record-error.ts'

export interface IsolationRequest<R extends SourceRecord> {
  /** Takes all of some records or none. */
  readonly put: PutRecords
  readonly records: AsyncIterable<readonly R[]>
  /** Called once for each refused record, in the order of the stream. An error of it ends the load. */
  readonly onDirty: (record: R, reason: RecordReason) => void | Promise<void>
  readonly signal?: AbortSignal
  /** Bounds of one attempt; a single record may be longer. */
  readonly maxAttemptRecords?: number
  readonly maxAttemptBytes?: number
}

export interface Isolated {
  /** Records that are in the table now. */
  readonly loaded: number
  /** Records that were taken and are not: another of their key is. */
  readonly superseded: number
  readonly dirty: number
}

/*
 * Attempts of 20,000 records cost 6 % over one COPY where few are bad, and keep the repeat after an error short
 * (perf.md §8). Bytes bound the memory: one attempt and one batch are held.
 */
const defaultMaxRecords = 20_000
const defaultMaxBytes = 8 * 1024 * 1024

/** After so many wrong ones the reported line is no longer looked at; each costs one attempt. */
const maxWrongHints = 3

/**
 * Loads every record that the destination takes, in order, and hands the others to `onDirty`. Must run inside a
 * transaction: each attempt is a savepoint.
 *
 * No record is dirty because the server named its line: it is dirty when COPY refuses it alone, after all good records
 * before it are in. So the later of two equal keys is the dirty one, whatever line Greenplum reports. The line only saves
 * attempts; where it proves wrong, halves are tried. The size of the next attempt follows the distance between bad
 * records, down to one: when all are bad, each costs one COPY.
 *
 * @throws what is no record's fault, and what `onDirty` throws, as it came
 */
export async function loadIsolating<R extends SourceRecord>(
  sql: Pick<Sql, 'savepoint'>,
  request: IsolationRequest<R>,
): Promise<Isolated> {
  const { put, onDirty, signal } = request
  const maxRecords = request.maxAttemptRecords ?? defaultMaxRecords
  const ahead = new LookAhead(request.records, request.maxAttemptBytes ?? defaultMaxBytes)
  let loaded = 0
  let superseded = 0
  let dirty = 0
  let wrongHints = 0

  let size = maxRecords
  for (;;) {
    const next = await ahead.peek(size)
    const [first] = next
    if (first === undefined) return { loaded, superseded, dirty }
    if (first.refusal !== null) {
      await setAside(first, first.refusal)
      ahead.drop(1)
      continue
    }
    const refused = next.findIndex((record) => record.refusal !== null)
    const records = refused === -1 ? next : next.slice(0, refused)
    const refusal = await attempt(records)
    if (refusal === null) {
      ahead.drop(records.length)
      size = Math.min(size * 4, maxRecords)
      continue
    }
    const dirtyBefore = dirty
    const settled = await settle(records, refusal)
    ahead.drop(settled)
    size = nextSize(settled, dirty - dirtyBefore, maxRecords)
  }

  /** All of them or none. */
  async function attempt(records: readonly R[]): Promise<Refusal | null> {
    try {
      const counts = await sql.savepoint(async () => {
        const taken = await put(bytesOf(records), signal)
        if (taken.copied !== records.length) throw new Miscount(taken.copied)
        return taken
      })
      loaded += counts.loaded
      superseded += records.length - counts.loaded
      return null
    } catch (error) {
      if (error instanceof Miscount) return { line: null, reason: (record) => miscounted(error.rows, record) }
      if (!isRecordError(error)) throw error
      const { line } = error.context
      return { line: typeof line === 'number' ? line : null, reason: () => reasonOf(error) }
    }
  }

  /** Decides on the first records of a refused attempt. @returns how many of them, at least one */
  async function settle(records: readonly R[], refusal: Refusal): Promise<number> {
    const hinted = wrongHints < maxWrongHints && refusal.line !== null ? recordAtLine(records, refusal.line) : null
    const suspect = hinted === null ? undefined : records[hinted]
    if (records.length === 1 || hinted === null || suspect === undefined) {
      await halve(records, refusal)
      return records.length
    }
    if (hinted > 0) {
      const before = records.slice(0, hinted)
      const refusedBefore = await attempt(before)
      if (refusedBefore !== null) {
        wrongHints += 1
        await halve(before, refusedBefore)
      }
    }
    const refusedAlone = await attempt([suspect])
    if (refusedAlone === null) wrongHints += 1
    else await setAside(suspect, refusedAlone.reason(suspect.bytes))
    return hinted + 1
  }

  /** Decides on records that were refused together. `refusal` null: it is known only from the other half being good. */
  async function halve(records: readonly R[], refusal: Refusal | null): Promise<void> {
    const [only] = records
    if (only === undefined) return
    if (records.length === 1) {
      const own = refusal ?? (await attempt(records))
      if (own !== null) await setAside(only, own.reason(only.bytes))
      return
    }
    const middle = records.length >> 1
    const left = records.slice(0, middle)
    const right = records.slice(middle)
    const refusedLeft = await attempt(left)
    if (refusedLeft === null) return await halve(right, null)
    await halve(left, refusedLeft)
    const refusedRight = await attempt(right)
    if (refusedRight !== null) await halve(right, refusedRight)
  }

  async function setAside(record: R, reason: RecordReason): Promise<void> {
    dirty += 1
    await onDirty(record, reason)
  }
}

interface Refusal {
  /** Where the server says it happened, counted in lines of the attempt. */
  readonly line: number | null
  readonly reason: (record: Uint8Array) => RecordReason
}

/** Rolls back a savepoint whose COPY succeeded with another number of rows than records. */
class Miscount extends Error {
  readonly rows: number
  constructor(rows: number) {
    super(`COPY took ${rows} rows`)
    this.rows = rows
  }
}

/** As many as are likely to hold one bad record. Refused together but good alone (mixed line ends): one by one. */
function nextSize(settled: number, dirty: number, maxRecords: number): number {
  if (dirty === 0) return 1
  return Math.min(maxRecords, Math.max(1, Math.ceil((2 * settled) / (dirty + 1))))
}
