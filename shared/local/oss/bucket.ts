import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { createCrc64 } from './crc64.ts'
import {
  readDescriptions,
  readSegments,
  removeDescription,
  removeSegments,
  removeStray,
  type Segment,
  type StoredObject,
  writeDescription,
  writeSegment,
} from './object-files.ts'
import { alreadyExists, OssRefusal } from './refusal.ts'
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
  put(key: string, body: AsyncIterable<Uint8Array>, facts: ObjectFacts, rules: PutRules): Promise<StoredObject>
  /** Makes an object of segments that are on disk already. */
  publish(object: StoredObject, forbidOverwrite: boolean): Promise<void>
  append(key: string, position: number, body: AsyncIterable<Uint8Array>, facts: ObjectFacts): Promise<StoredObject>
  delete(key: string): Promise<boolean>
  isEmpty(): boolean
}

export interface PutRules {
  readonly forbidOverwrite: boolean
  /** Base64 of the digest, from the Content-MD5 header. */
  readonly contentMd5: string | null
}

export async function openBucket(name: string, dir: string): Promise<Bucket> {
  await mkdir(dir, { recursive: true })
  const objects = new Map<string, StoredObject>()
  const keys = new SortedKeys()
  const uploads = await openUploads(dir)
  const known = new Set<string>(uploads.segmentFiles())
  for await (const object of readDescriptions(dir)) {
    objects.set(object.key, object)
    keys.add(object.key)
    for (const { file } of object.segments) known.add(file)
  }
  await removeStray(dir, known)
  const inTurn = lockPerKey()

  /** A segment of the old version stays until its readers have ended: POSIX keeps an open file. */
  async function replace(object: StoredObject, forbidOverwrite: boolean): Promise<void> {
    const old = objects.get(object.key)
    if (forbidOverwrite && old !== undefined) throw alreadyExists()
    await writeDescription(dir, object)
    objects.set(object.key, object)
    keys.add(object.key)
    const kept = new Set(object.segments.map(({ file }) => file))
    if (old !== undefined)
      await removeSegments(
        dir,
        old.segments.filter(({ file }) => !kept.has(file)),
      )
  }

  return {
    name,
    dir,
    keys,
    uploads,
    find: (key) => objects.get(key) ?? null,
    isEmpty: () => objects.size === 0,
    async put(key, body, facts, rules) {
      if (rules.forbidOverwrite && objects.has(key)) throw alreadyExists()
      const { segment, md5, crc64 } = await writeSegment(dir, body)
      try {
        checkMd5(md5, rules.contentMd5)
        const etag = md5.toString('hex').toUpperCase()
        const object = describe(key, [segment], { etag, crc64, type: 'Normal' }, facts)
        await inTurn(key, () => replace(object, rules.forbidOverwrite))
        return object
      } catch (error) {
        await removeSegments(dir, [segment])
        throw error
      }
    },
    publish: (object, forbidOverwrite) => inTurn(object.key, () => replace(object, forbidOverwrite)),
    append: (key, position, body, facts) =>
      inTurn(key, async () => {
        const old = objects.get(key)
        checkAppend(old, position)
        const { segment } = await writeSegment(dir, body)
        const segments = [...(old?.segments ?? []), segment]
        const sums = await sumsOf(dir, segments)
        const object = describe(key, segments, { ...sums, type: 'Appendable' }, old ?? facts)
        await replace(object, false)
        return object
      }),
    delete: (key) =>
      inTurn(key, async () => {
        const old = objects.get(key)
        if (old === undefined) return false
        await removeDescription(dir, key)
        objects.delete(key)
        keys.delete(key)
        await removeSegments(dir, old.segments)
        return true
      }),
  }
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

export async function sumsOf(dir: string, segments: readonly Segment[]): Promise<{ etag: string; crc64: string }> {
  const md5 = createHash('md5')
  const crc64 = createCrc64()
  for await (const piece of readSegments(dir, segments, 0, Number.MAX_SAFE_INTEGER)) {
    md5.update(piece)
    crc64.update(piece)
  }
  return { etag: md5.digest('hex').toUpperCase(), crc64: crc64.digest() }
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

/** Changes of one key happen one after the other; different keys do not wait for each other. */
function lockPerKey(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const tails = new Map<string, Promise<unknown>>()
  return async (key, work) => {
    const before = tails.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    tails.set(key, mine)
    try {
      return await mine
    } finally {
      if (tails.get(key) === mine) tails.delete(key)
    }
  }
}
