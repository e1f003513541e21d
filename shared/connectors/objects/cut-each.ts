import { asTransferError, TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { CutObject, CutRequest } from './cut-objects.ts'
import { readAhead } from './read-ahead.ts'

/** An object that cannot be read, whenever it is tried. */
export interface RefusedObject {
  readonly bucket: string
  readonly key: string
  readonly etag: string
  readonly error: TransferError
}

export interface CutOne {
  readonly head: ObjectHead
  readonly outcome: CutObject | RefusedObject
}

/** By the form of the files. */
export type CutObjects = (
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
) => AsyncGenerator<CutObject>

/** Small objects hide each other's latency. */
const ahead = { maxReads: 16, maxBytes: 32 * 1024 * 1024 }

/** As `cutObjects`, but an object that is at fault by itself does not keep the others from being cut. */
export async function* cutEach(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
  cutting: CutObjects,
): AsyncGenerator<CutOne> {
  const reads = objects
    .filter(({ size }) => size > 0)
    .map((head) => ({
      bytes: head.size,
      start: async (signal: AbortSignal) => ({
        head,
        outcome: await cutOne(store, head, { ...request, signal }, cutting),
      }),
    }))
  yield* readAhead(reads, { ...ahead, signal: request.signal })
}

async function cutOne(
  store: ObjectStore,
  head: ObjectHead,
  request: CutRequest,
  cutting: CutObjects,
): Promise<CutObject | RefusedObject> {
  try {
    for await (const cut of cutting(store, [head], request)) return cut
  } catch (thrown) {
    return refusedOf(store, head, thrown)
  }
  throw new TransferError('internal/bug', 'an object was not cut', { key: head.key })
}

/** @throws what says nothing of the object: a store that does not answer, a deadline */
function refusedOf(
  { bucket }: Pick<ObjectStore, 'bucket'>,
  { key, etag }: Pick<ObjectHead, 'key' | 'etag'>,
  thrown: unknown,
): RefusedObject {
  const error = asTransferError(thrown)
  if (!isOfObject(error)) throw error
  return { bucket, key, etag, error }
}

/** What is at fault by itself does not keep the others from being read. */
export async function refusalOf(
  store: ObjectStore,
  head: ObjectHead,
  work: () => Promise<void>,
): Promise<RefusedObject[]> {
  try {
    await work()
    return []
  } catch (thrown) {
    return [refusedOf(store, head, thrown)]
  }
}

/** Whether a reader of objects says so of one of them, for good. */
export const isOfObject = ({ code, policy }: TransferError): boolean =>
  code.startsWith('source/') && code !== 'source/bucket-missing' && policy.retry !== 'again'
