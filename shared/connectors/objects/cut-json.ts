import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import { type CutObject, type CutRequest, cutObjects } from './cut-objects.ts'
import { cutUnscanned } from './cut-unscanned.ts'
import { opensArray } from './first-look.ts'

/** Blanks before the bracket of an array are few. */
const peekedBytes = 4096

/**
 * Cuts objects of JSON. A line feed always ends a record of JSON Lines, so of those that are larger than a chunk only the
 * places of the cuts are read. Smaller ones are read, and so counted; arrays are, because a comma says little by itself.
 * @throws source/malformed, source/object-missing, source/object-changed
 */
export async function* cutJson(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
): AsyncGenerator<CutObject> {
  /** Read ahead of each other. */
  let whole: ObjectHead[] = []
  for (const head of objects) {
    if (head.size <= request.targetBytes || (await isArray(store, head, request.signal))) whole.push(head)
    else {
      yield* cutObjects(store, whole, request)
      whole = []
      yield* cutUnscanned(store, [head], request)
    }
  }
  yield* cutObjects(store, whole, request)
}

async function isArray(store: ObjectStore, { key, etag, size }: ObjectHead, signal: AbortSignal): Promise<boolean> {
  const pieces: Uint8Array[] = []
  const end = Math.min(size, peekedBytes)
  for await (const piece of store.readRange(key, { start: 0, end, etag, signal })) pieces.push(piece)
  const start = Buffer.concat(pieces)
  return opensArray(start[0] === 0xef ? start.subarray(3) : start) !== -1
}
