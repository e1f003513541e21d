import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { combineCrc64 } from './crc64-combine.ts'
import { inTurnPerKey } from './in-turn.ts'
import { type Announce, objectChanges, type PutRules } from './object-changes.ts'
import { readDescriptions, removeStray, type Segment, type StoredObject, writeSegment } from './object-files.ts'
import { alreadyExists, OssRefusal } from './refusal.ts'
import { segmentHolds } from './segment-holds.ts'
import { SortedKeys } from './sorted-keys.ts'
import { openUploads, type Uploads } from './uploads.ts'

export interface ObjectFacts {
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
}

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

export async function openBucket(name: string, dir: string): Promise<Bucket> {
  await mkdir(dir, { recursive: true })
  const { objects, uploads } = await readBucket(dir)
  const keys = new SortedKeys(objects.keys())
  const holds = segmentHolds(dir)
  const inTurn = inTurnPerKey()

  const { replace, remove, publishSegment } = objectChanges({ dir, objects, keys, holds })

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
    delete: (key, announce) => inTurn(key, () => remove(key, announce)),
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
