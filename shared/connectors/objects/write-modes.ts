import { TransferError } from '../../errors/index.ts'
import type { ObjectStore } from '../../ports/index.ts'

export type ObjectWriteMode = 'truncate' | 'append' | 'nonConflict'

/** Keys of one run begin alike, so that no mode ever touches what the run itself has written. */
const runPrefix = (prefix: string, runTag: string) => `${prefix}__${runTag}_`

/** DataX's `<object>__<uuid>`, with a run and a slice in place of the uuid: a repeat writes the same key. */
export function taggedKey(prefix: string, runTag: string, sliceIndex: number, suffix: string): string {
  return `${runPrefix(prefix, runTag)}${String(sliceIndex).padStart(6, '0')}${suffix}`
}

/** Keys that one request removes (fc-oss.md: DeleteMultipleObjects takes a thousand). */
const removedAtOnce = 1000

interface Preparation {
  readonly prefix: string
  readonly runTag: string
  readonly mode: ObjectWriteMode
}

/**
 * One listing in every mode, so that a missing bucket or right is known before the first slice is read.
 * @throws target/bucket-missing; target/object-exists for nonConflict, with a key that is in the way
 */
export async function prepareTarget(store: ObjectStore, request: Preparation): Promise<void> {
  try {
    await listAndPrepare(store, request)
  } catch (error) {
    // A store does not know which end of the job it is.
    if (!(error instanceof TransferError) || error.code !== 'source/bucket-missing') throw error
    throw new TransferError('target/bucket-missing', error.message, error.context, { cause: error.cause })
  }
}

async function listAndPrepare(store: ObjectStore, { prefix, runTag, mode }: Preparation): Promise<void> {
  const own = runPrefix(prefix, runTag)
  let others: string[] = []
  for await (const { key } of store.list(prefix)) {
    if (mode === 'append') return
    if (key.startsWith(own)) continue
    if (mode === 'nonConflict') throw objectExists(store.bucket, prefix, key)
    others.push(key)
    if (others.length < removedAtOnce) continue
    await store.remove(others)
    others = []
  }
  if (others.length > 0) await store.remove(others)
}

function objectExists(bucket: string, prefix: string, key: string): TransferError {
  const message = `writeMode nonConflict: oss://${bucket}/${prefix} is taken, by ${key}`
  return new TransferError('target/object-exists', message, { bucket, key, parameter: 'object' })
}
