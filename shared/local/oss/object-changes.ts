import { removeDescription, removeSegments, type Segment, type StoredObject, writeDescription } from './object-files.ts'
import type { Announcement } from './outbox.ts'
import { alreadyExists } from './refusal.ts'
import type { SegmentHolds } from './segment-holds.ts'
import type { SortedKeys } from './sorted-keys.ts'

/** Puts the event of a change on disk, before the change. `oldSize`: 0 when the key was not there. */
export type Announce = (
  object: { readonly key: string; readonly etag: string; readonly size: number },
  oldSize: number,
) => Promise<Announcement>

export interface PutRules {
  readonly forbidOverwrite: boolean
  /** Base64 of the digest, from the Content-MD5 header. */
  readonly contentMd5: string | null
  readonly announce: Announce
}

/** What a bucket is made of, as its changes see it: descriptions in memory and on disk, and the bytes behind them. */
export interface BucketState {
  readonly dir: string
  readonly objects: Map<string, StoredObject>
  readonly keys: SortedKeys
  readonly holds: SegmentHolds
}

/** The changes of one key, to be called in turn: event announced, disk changed, memory changed, event confirmed. */
export function objectChanges({ dir, objects, keys, holds }: BucketState) {
  async function replace(object: StoredObject, { forbidOverwrite, announce }: Omit<PutRules, 'contentMd5'>) {
    const old = objects.get(object.key)
    if (forbidOverwrite && old !== undefined) throw alreadyExists()
    const announcement = await announce(object, old?.size ?? 0)
    await recheckIfFailed(announcement, writeDescription(dir, object))
    objects.set(object.key, object)
    keys.add(object.key)
    await announcement.confirm()
    const kept = new Set(object.segments.map(({ file }) => file))
    await holds.discard((old?.segments ?? []).filter(({ file }) => !kept.has(file)))
  }

  async function remove(key: string, announce: Announce): Promise<void> {
    const old = objects.get(key)
    if (old === undefined) return
    const announcement = await announce({ key, etag: old.etag, size: 0 }, old.size)
    await recheckIfFailed(announcement, removeDescription(dir, key))
    objects.delete(key)
    keys.delete(key)
    await announcement.confirm()
    await holds.discard(old.segments)
  }

  /** Bytes that no object came to name go with the error. */
  async function publishSegment<T>(key: string, segment: Segment, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const named = objects.get(key)?.segments.some(({ file }) => file === segment.file) ?? false
      if (!named) await removeSegments(dir, [segment])
      throw error
    }
  }

  return { replace, remove, publishSegment }
}

async function recheckIfFailed(announcement: Announcement, change: Promise<void>): Promise<void> {
  try {
    await change
  } catch (error) {
    await announcement.recheck()
    throw error
  }
}
