import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { CutObject, CutRequest } from './cut-objects.ts'
import { cutSparsely, type FindStart } from './cut-sparsely.ts'
import { readBytes } from './read-bytes.ts'

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
  for (const head of objects) yield await cutSparsely(store, head, request, lineStart)
}

/** A line is mostly found in one read; a longer one in reads that double. */
const firstWindowBytes = 64 * 1024

/** Where the first line begins that does not begin before `from`; null where none does. */
const lineStart: FindStart = async (store, head, from, { newline }, signal) => {
  let at = from - 1
  for (let bytes = firstWindowBytes; at < head.size; bytes *= 2) {
    const window = await readBytes(store, head, { start: at, end: Math.min(head.size, at + bytes), signal })
    const found = window.indexOf(newline)
    if (found !== -1) return at + found + 1
    at += window.length
  }
  return null
}
