import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { CutObject, CutRequest } from './cut-objects.ts'
import { type FirstLook, looksOf } from './first-look.ts'
import type { ObjectRange } from './object-slice.ts'
import { readBytes } from './read-bytes.ts'

/** @returns where a record begins at or soon after `from`; null: nowhere that is known, so there is no cut */
export type FindStart = (
  store: ObjectStore,
  head: ObjectHead,
  from: number,
  look: Pick<FirstLook, 'newline' | 'fields'>,
  signal: AbortSignal,
) => Promise<number | null>

/** An object of 1 TB has 4,000 cuts of 256 MB, each a round trip. */
const cutsAtOnce = 32
/** Mostly the first record is in there; where it is not, more is read. */
const firstLookBytes = 256 * 1024
const longLookBytes = 8 * 1024 * 1024

/** Cuts an object of which no more is read than its beginning and what is around each multiple of the target. */
export async function cutSparsely(
  store: ObjectStore,
  head: ObjectHead,
  request: CutRequest,
  findStart: FindStart,
): Promise<CutObject> {
  const { targetBytes, signal } = request
  const look = await firstLook(store, head, request)
  const wanted: number[] = []
  for (let at = look.headerEnd + targetBytes; at < head.size; at += targetBytes) wanted.push(at)
  const offsets = [look.headerEnd]
  for (let at = 0; at < wanted.length; at += cutsAtOnce) {
    const some = wanted.slice(at, at + cutsAtOnce)
    const found = await Promise.all(some.map((from) => findStart(store, head, from, look, signal)))
    offsets.push(...found.filter((start) => start !== null))
  }
  return { key: head.key, names: look.names, ranges: rangesBetween(onwards([...offsets, head.size]), head, look) }
}

/** Without those that are not behind the ones before them: two windows may guess the same record, or in the wrong order. */
function onwards(offsets: readonly number[]): number[] {
  const kept: number[] = []
  for (const offset of offsets) if (offset > (kept.at(-1) ?? -1)) kept.push(offset)
  return kept
}

/** @throws source/malformed for a header that does not end */
async function firstLook(store: ObjectStore, head: ObjectHead, request: CutRequest): Promise<FirstLook> {
  for (const bytes of [firstLookBytes, longLookBytes]) {
    const end = Math.min(head.size, bytes)
    const first = await readBytes(store, head, { start: 0, end, signal: request.signal })
    const look = looksOf(first, head, request)
    const isAll = end === head.size
    const isBehindHeader = isAll || look.headerEnd < end
    if (isBehindHeader && (isAll || look.fields !== null || bytes === longLookBytes)) return look
  }
  throw headerTooLong(head)
}

function headerTooLong({ key }: ObjectHead): TransferError {
  const message = `${key}: the header has no end within the first ${longLookBytes} bytes`
  return new TransferError('source/malformed', message, { key })
}

function rangesBetween(cuts: readonly number[], { key, etag, size }: ObjectHead, look: FirstLook): ObjectRange[] {
  const { skipped, newline, crlf, fields } = look
  return cuts.slice(1).map((end, index) => {
    const start = cuts[index] ?? skipped
    return { key, etag, size, start, end, firstRecord: 1, records: null, newline, crlf, fields }
  })
}
