import { TransferError } from '../errors/index.ts'
import type { OssClient } from './oss-client.ts'
import { asOssError } from './oss-errors.ts'
import { requireAddressable } from './oss-keys.ts'
import { etagIfWrittenBy } from './oss-put.ts'
import { retrying, stoppable } from './retry.ts'

/** How every call to a bucket is made: repeated, stoppable, and with errors by our codes. */
export interface OssCalls {
  /** @param key null: a call about the bucket */
  guarded<T>(key: string | null, work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /**
   * For calls whose repeat may be refused by what the first attempt did before its answer was lost: the version that the
   * attempt `writeId` wrote, else the error again.
   */
  oursAfterAll(key: string, writeId: string, error: unknown): Promise<{ etag: string }>
  /** null for a missing key; an error for a missing bucket. */
  nullIfKeyMissing(error: unknown): Promise<null>
}

export function ossCalls(client: OssClient, bucket: string): OssCalls {
  let bucketSeen = false
  const calls: OssCalls = {
    async guarded(key, work, signal) {
      const place = key === null ? { bucket } : { bucket, key }
      if (key !== null) requireAddressable(bucket, key)
      const coded = () => stoppable(work(), signal).catch((error: unknown) => Promise.reject(asOssError(error, place)))
      return await retrying(coded, signal)
    },
    async oursAfterAll(key, writeId, error) {
      if (!(error instanceof TransferError) || !refusals.has(error.code)) throw error
      const etag = await calls.guarded(key, () => etagIfWrittenBy(client, key, writeId)).catch(nullIfMissing)
      if (etag === null) throw error
      return { etag }
    },
    // ali-oss takes every 404 of HEAD and GET for a missing key; the first one is worth a look at the bucket.
    async nullIfKeyMissing(error) {
      nullIfMissing(error)
      if (bucketSeen) return null
      await calls.guarded(null, () => client.listV2({ 'max-keys': '1' }, {})).catch(unlessDenied)
      bucketSeen = true
      return null
    },
  }
  return calls
}

/** What a repeat is told when its first attempt had done the work. */
const refusals = new Set(['target/object-exists', 'source/object-missing'])

export function nullIfMissing(error: unknown): null {
  if (error instanceof TransferError && error.code === 'source/object-missing') return null
  throw error
}

/** A role that may read objects may be without the right to list them. */
function unlessDenied(error: unknown): void {
  if (error instanceof TransferError && error.code === 'connect/permission-denied') return
  throw error
}
