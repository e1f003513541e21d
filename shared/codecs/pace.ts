import { countRecords } from './count-records.ts'
import type { Encoding } from './encoding.ts'

export interface Rate {
  readonly bytesPerSecond: number | null
  readonly recordsPerSecond: number | null
}

export interface PaceClock {
  nowMs(): number
  wait(ms: number): Promise<unknown>
}

/*
 * A piece is what passes in a twentieth of a second, and a late timer may be made up for by two of them: any ten seconds
 * then see at most 1.5 % more than the cap.
 */
const piecesPerSecond = 20
const maxLateMs = 100
const pieceBytes = { least: 64, most: 256 * 1024, first: 1024 }

/**
 * The same bytes, no faster than a rate, which is asked for anew with each piece. The time that a piece costs by either
 * measure is waited for before the next one is asked of the source, so that nothing piles up here.
 */
export async function* paced(
  source: { readonly body: AsyncIterable<Uint8Array>; readonly encoding: Encoding; readonly newline: number },
  rateNow: () => Promise<Rate>,
  clock: PaceClock,
): AsyncIterable<Uint8Array> {
  let rate = await rateNow()
  let size = rate.recordsPerSecond === null ? sizeFor(rate, null) : pieceBytes.first
  const counted = countRecords(
    inPieces(source.body, () => size),
    { ...source, maxRecordBytes: Number.MAX_SAFE_INTEGER, shouldStop: () => false },
  )
  let records = 0
  let dueMs = 0
  for await (const piece of counted.body) {
    const nowMs = clock.nowMs()
    if (dueMs > nowMs) await clock.wait(dueMs - nowMs)
    yield piece
    const taken = { bytes: piece.length, records: counted.records() - records }
    records += taken.records
    rate = await rateNow()
    dueMs = Math.max(dueMs, clock.nowMs() - maxLateMs) + costMs(taken, rate)
    size = sizeFor(rate, records === 0 ? null : counted.bytes() / records)
  }
}

function costMs({ bytes, records }: { bytes: number; records: number }, rate: Rate): number {
  const byBytes = rate.bytesPerSecond === null ? 0 : bytes / rate.bytesPerSecond
  const byRecords = rate.recordsPerSecond === null ? 0 : records / rate.recordsPerSecond
  return 1000 * Math.max(byBytes, byRecords)
}

/** @param recordBytes the mean so far; null while no record has ended */
function sizeFor(rate: Rate, recordBytes: number | null): number {
  const byBytes = (rate.bytesPerSecond ?? Number.POSITIVE_INFINITY) / piecesPerSecond
  const byRecords =
    rate.recordsPerSecond === null || recordBytes === null
      ? Number.POSITIVE_INFINITY
      : (rate.recordsPerSecond * recordBytes) / piecesPerSecond
  return Math.round(Math.max(pieceBytes.least, Math.min(pieceBytes.most, byBytes, byRecords)))
}

async function* inPieces(source: AsyncIterable<Uint8Array>, size: () => number): AsyncIterable<Uint8Array> {
  for await (const bytes of source) {
    for (let at = 0; at < bytes.length; ) {
      const end = at + size()
      yield bytes.subarray(at, end)
      at = end
    }
  }
}
