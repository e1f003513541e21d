import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { combineCrc64 } from './crc64-combine.ts'
import { inTurnPerKey } from './in-turn.ts'
import {
  readDescriptions,
  removeDescription,
  removeSegments,
  removeStray,
  type Segment,
  type StoredObject,
  writeDescription,
  writeSegment,
} from './object-files.ts'
import type { Announcement } from './outbox.ts'
import { alreadyExists, OssRefusal } from './refusal.ts'
import { segmentHolds } from './segment-holds.ts'
import { SortedKeys } from './sorted-keys.ts'
import { openUploads, type Uploads } from './uploads.ts'

export interface ObjectFacts {
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
}

/** Puts the event of a change on disk, before the change. `oldSize`: 0 when the key was not there. */
export type Announce = (
  object: { readonly key: string; readonly etag: string; readonly size: number },
  oldSize: number,
) => Promise<Announcement>

export interface Bucket {
  readonly name: string
  readonly dir: string
  readonly keys: SortedKeys
  readonly uploads: Uploads
  find(key: string): StoredObject | null
  /** Keeps the bytes of this version until the returned function is called, whatever happens to the key. */
  hold(object: StoredObject): () => Promise<void>
  put(key: string, body: AsyncIterable<Uint8Array>, facts: ObjectFacts, rules: PutRules): Promise<StoredObject>
  /** Makes an object of segments that are on disk already. */
  publish(object: StoredObject, rules: Omit<PutRules, 'contentMd5'>): Promise<void>
  append(
    key: string,
    position: number,
    body: AsyncIterable<Uint8Array>,
    facts: ObjectFacts,
    rules: Omit<PutRules, 'forbidOverwrite'>,
  ): Promise<StoredObject>
  /** Nothing happens, and nothing is announced, when the key is not there. */
  delete(key: string, announce: Announce): Promise<void>
  isEmpty(): boolean
}

export interface PutRules {
  readonly forbidOverwrite: boolean
  /** Base64 of the digest, from the Content-MD5 header. */
  readonly contentMd5: string | null
  readonly announce: Announce
}

export async function openBucket(name: string, dir: string): Promise<Bucket> {
  await mkdir(dir, { recursive: true })
  const { objects, uploads } = await readBucket(dir)
  const keys = new SortedKeys(objects.keys())
  const holds = segmentHolds(dir)
  const inTurn = inTurnPerKey()

  async function replace(object: StoredObject, { forbidOverwrite, announce }: Omit<PutRules, 'contentMd5'>) {
    const old = objects.get(object.key)
    if (forbidOverwrite && old !== undefined) throw alreadyExists()
    const announcement = await announce(object, old?.size ?? 0)
    try {
      await writeDescription(dir, object)
    } catch (error) {
      await announcement.recheck()
      throw error
    }
    objects.set(object.key, object)
    keys.add(object.key)
    await announcement.confirm()
    const kept = new Set(object.segments.map(({ file }) => file))
    await holds.discard((old?.segments ?? []).filter(({ file }) => !kept.has(file)))
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

  return {
    name,
    dir,
    keys,
    uploads,
    find: (key) => objects.get(key) ?? null,
    hold: (object) => holds.hold(object.segments),
    isEmpty: () => objects.size === 0 && uploads.list().length === 0,
    async put(key, body, facts, rules) {
      if (rules.forbidOverwrite && objects.has(key)) throw alreadyExists()
      const { segment, md5, crc64 } = await writeSegment(dir, body)
      return await publishSegment(key, segment, async () => {
        checkMd5(md5, rules.contentMd5)
        const etag = md5.toString('hex').toUpperCase()
        const object = describe(key, [segment], { etag, crc64, type: 'Normal' }, facts)
        await inTurn(key, () => replace(object, rules))
        return object
      })
    },
    publish: (object, rules) => inTurn(object.key, () => replace(object, rules)),
    async append(key, position, body, facts, { contentMd5, announce }) {
      checkAppend(objects.get(key), position)
      const { segment, md5, crc64 } = await writeSegment(dir, body)
      return await publishSegment(key, segment, () =>
        inTurn(key, async () => {
          const old = objects.get(key)
          checkMd5(md5, contentMd5)
          checkAppend(old, position)
          const sums = {
            etag: appendedEtag(old, md5),
            crc64: combineCrc64(old?.crc64 ?? '0', crc64, segment.size),
            type: 'Appendable',
          } as const
          const object = describe(key, [...(old?.segments ?? []), segment], sums, old ?? facts)
          await replace(object, { forbidOverwrite: false, announce })
          return object
        }),
      )
    },
    delete: (key, announce) =>
      inTurn(key, async () => {
        const old = objects.get(key)
        if (old === undefined) return
        const announcement = await announce({ key, etag: old.etag, size: 0 }, old.size)
        try {
          await removeDescription(dir, key)
        } catch (error) {
          await announcement.recheck()
          throw error
        }
        objects.delete(key)
        keys.delete(key)
        await announcement.confirm()
        await holds.discard(old.segments)
      }),
  }
}

async function readBucket(dir: string) {
  const objects = new Map<string, StoredObject>()
  const named = new Set<string>()
  for await (const object of readDescriptions(dir)) {
    objects.set(object.key, object)
    for (const { file } of object.segments) named.add(file)
  }
  const uploads = await openUploads(dir, named)
  await removeStray(dir, new Set([...named, ...uploads.segmentFiles()]))
  return { objects, uploads }
}

export function describe(
  key: string,
  segments: readonly Segment[],
  sums: { etag: string; crc64: string; type: StoredObject['type'] },
  facts: ObjectFacts,
): StoredObject {
  const size = segments.reduce((sum, segment) => sum + segment.size, 0)
  const { contentType, headers } = facts
  return {
    key,
    segments: [...segments],
    size,
    ...sums,
    lastModified: new Date().toISOString(),
    contentType,
    headers: { ...headers },
  }
}

/** The cloud promises no digest of the content here, only another value after each append: nothing need be read again. */
function appendedEtag(old: StoredObject | undefined, md5: Buffer): string {
  const digest = old === undefined ? md5 : createHash('md5').update(old.etag).update(md5).digest()
  return digest.toString('hex').toUpperCase()
}

export function checkMd5(actual: Buffer, claimed: string | null): void {
  if (claimed === null || claimed === actual.toString('base64')) return
  throw new OssRefusal(400, 'InvalidDigest', 'The Content-MD5 you specified did not match what we received.')
}

function checkAppend(old: StoredObject | undefined, position: number): void {
  if (old !== undefined && old.type !== 'Appendable') {
    throw new OssRefusal(409, 'ObjectNotAppendable', 'The object is not appendable')
  }
  if (position !== (old?.size ?? 0)) {
    throw new OssRefusal(409, 'PositionNotEqualToLength', 'Position is not equal to file length')
  }
}
