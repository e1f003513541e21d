import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { CutObject, CutRequest } from './cut-objects.ts'
import { looksOf } from './first-look.ts'
import type { ObjectRange } from './object-slice.ts'

/** A line is mostly found in one read; a longer one in reads that double. */
const firstWindowBytes = 64 * 1024
/** An object of 1 TB has 8,000 cuts of 128 MB, each a round trip. */
const cutsAtOnce = 32

/**
 * Cuts objects of which the job says that no field holds a newline: behind the first one at or after each multiple of the
 * target, which is all that is read besides the beginning. Nobody knows then how many records there are before they are
 * loaded, and a newline in quotes is found by the loaders, as two records that are dirty.
 * @throws source/object-missing, source/object-changed
 */
export async function* cutUnscanned(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
): AsyncGenerator<CutObject> {
  for (const head of objects) yield await cutOne(store, head, request)
}

async function cutOne(store: ObjectStore, head: ObjectHead, request: CutRequest): Promise<CutObject> {
  const start = await readBytes(store, head, 0, Math.min(head.size, 8 * 1024 * 1024), request.signal)
  const { skipped, newline, crlf, fields, names, headerEnd } = looksOf(start, head, request)
  const wanted: number[] = []
  for (let at = headerEnd + request.targetBytes; at < head.size; at += request.targetBytes) wanted.push(at)
  const offsets = [headerEnd]
  for (let at = 0; at < wanted.length; at += cutsAtOnce) {
    const some = wanted.slice(at, at + cutsAtOnce)
    offsets.push(...(await Promise.all(some.map((from) => lineStart(store, head, from, newline, request.signal)))))
  }
  const cuts = [...new Set([...offsets, head.size])]
  const { key, etag, size } = head
  const ranges = cuts.slice(1).map(
    (end, index): ObjectRange => ({
      key,
      etag,
      size,
      start: cuts[index] ?? skipped,
      end,
      firstRecord: 1,
      records: null,
      newline,
      crlf,
      fields,
    }),
  )
  return { key, names, ranges }
}

/** Where the first line begins that does not begin before `from`; the end of the object where none does. */
async function lineStart(
  store: ObjectStore,
  head: ObjectHead,
  from: number,
  newline: number,
  signal: AbortSignal,
): Promise<number> {
  let at = from - 1
  for (let bytes = firstWindowBytes; at < head.size; bytes *= 2) {
    const window = await readBytes(store, head, at, Math.min(head.size, at + bytes), signal)
    const found = window.indexOf(newline)
    if (found !== -1) return at + found + 1
    at += window.length
  }
  return head.size
}

async function readBytes(
  store: ObjectStore,
  { key, etag }: ObjectHead,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of store.readRange(key, { start, end, etag, signal })) pieces.push(piece)
  return Buffer.concat(pieces)
}
