import type { ColumnChunk, RowGroup } from '../../../codecs/parquet/footer.ts'
import type { ReadBytes } from '../../../codecs/parquet/pages.ts'
import type { ObjectStore } from '../../../ports/index.ts'
import { readAhead } from '../read-ahead.ts'
import { readRange } from './read-footer.ts'

export interface GroupBytes {
  /** Of the chunk of a leaf. */
  of(leaf: number): ReadBytes
}

type Version = { readonly key: string; readonly etag: string; readonly size: number }

/** A group whose wanted columns are no more than this is fetched whole, and while the one before it is read. */
export const wholeGroupBytes = 12 * 1024 * 1024
/** Larger groups are read through a window for each column, all windows together of this size, and as much on its way. */
const windowsBytes = 8 * 1024 * 1024
const leastWindowBytes = 64 * 1024
/** What lies between two wanted columns is fetched with them where a request of its own would cost more. */
const maxGapBytes = 64 * 1024
const maxReads = 8

/** Chunks of the wanted columns, those that lie side by side in one read. */
export async function fetchGroup(
  store: ObjectStore,
  object: Version,
  group: RowGroup,
  signal: AbortSignal,
): Promise<GroupBytes> {
  const chunks = [...group.columns.entries()].flatMap(([leaf, chunk]) => (chunk === null ? [] : [{ leaf, chunk }]))
  const reads =
    group.compressedBytes <= wholeGroupBytes
      ? await fetchWhole(store, object, chunks, signal)
      : windowsOf(store, object, chunks, signal)
  return {
    of(leaf) {
      const read = reads.get(leaf)
      if (read === undefined) throw new TypeError(`leaf ${leaf} was not fetched`)
      return read
    },
  }
}

interface WantedChunk {
  readonly leaf: number
  readonly chunk: ColumnChunk
}

async function fetchWhole(
  store: ObjectStore,
  object: Version,
  chunks: readonly WantedChunk[],
  signal: AbortSignal,
): Promise<Map<number, ReadBytes>> {
  const ranges = joinRanges(chunks)
  const early = ranges.map(({ start, end }) => ({
    bytes: end - start,
    start: (abort: AbortSignal) => readRange(store, object, start, end, abort),
  }))
  const reads = new Map<number, ReadBytes>()
  let next = 0
  for await (const bytes of readAhead(early, { maxReads, maxBytes: 2 * wholeGroupBytes, signal })) {
    const range = ranges[next]
    next += 1
    for (const { leaf, chunk } of range?.chunks ?? []) {
      const own = bytes.subarray(chunk.start - (range?.start ?? 0)).subarray(0, chunk.compressedBytes)
      reads.set(leaf, (offset, length) => own.subarray(offset, offset + length))
    }
  }
  return reads
}

interface JoinedRange {
  readonly start: number
  end: number
  readonly chunks: WantedChunk[]
}

export function joinRanges(chunks: readonly WantedChunk[]): readonly JoinedRange[] {
  const ranges: JoinedRange[] = []
  for (const wanted of [...chunks].sort((a, b) => a.chunk.start - b.chunk.start)) {
    const { start, compressedBytes } = wanted.chunk
    const end = start + compressedBytes
    const last = ranges.at(-1)
    if (last === undefined || start - last.end > maxGapBytes) ranges.push({ start, end, chunks: [wanted] })
    else {
      last.end = Math.max(last.end, end)
      last.chunks.push(wanted)
    }
  }
  return ranges
}

function windowsOf(
  store: ObjectStore,
  object: Version,
  chunks: readonly WantedChunk[],
  signal: AbortSignal,
): Map<number, ReadBytes> {
  const bytes = Math.max(leastWindowBytes, Math.floor(windowsBytes / chunks.length))
  return new Map(
    chunks.map(({ leaf, chunk }) => [
      leaf,
      windowOf(chunk, bytes, (start, end) => readRange(store, object, start, end, signal)),
    ]),
  )
}

/** Reads go forward, so what lies before the offset is let go; the next window is fetched while this one is used. */
export function windowOf(
  chunk: ColumnChunk,
  windowBytes: number,
  fetch: (start: number, end: number) => Promise<Buffer>,
): ReadBytes {
  let window: Buffer = Buffer.alloc(0)
  let start = 0
  let ahead: { readonly bytes: Promise<Buffer>; readonly start: number; readonly end: number } | null = null
  const fetchAhead = (from: number, bytes: number) => {
    const end = Math.min(chunk.compressedBytes, from + bytes)
    const fetched = fetch(chunk.start + from, chunk.start + end)
    // It is awaited when it is needed, or never where the reading ends before.
    fetched.catch(() => undefined)
    return { bytes: fetched, start: from, end }
  }
  return async (offset, length) => {
    const end = Math.min(chunk.compressedBytes, offset + length)
    if (offset < start || offset > start + window.length) {
      window = Buffer.alloc(0)
      start = offset
      if (ahead !== null && (offset < ahead.start || offset >= ahead.end)) ahead = null
    }
    while (start + window.length < end) {
      const have = start + window.length
      ahead ??= fetchAhead(have, Math.max(windowBytes, end - have))
      const fetched = await ahead.bytes
      const usable = fetched.subarray(Math.max(0, have - ahead.start))
      const rest = window.subarray(Math.max(0, offset - start))
      start = Math.max(start, offset)
      window = rest.length === 0 ? usable : Buffer.concat([rest, usable])
      const next = ahead.end
      ahead = next < chunk.compressedBytes ? fetchAhead(next, windowBytes) : null
    }
    const wanted = window.subarray(offset - start, end - start)
    const behind = window.subarray(end - start)
    // What is left of a window that was a large page goes on without it.
    if (length >= leastWindowBytes && behind.length <= length) {
      window = Buffer.from(behind)
      start = end
    }
    return wanted
  }
}
