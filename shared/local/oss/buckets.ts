import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bucket, openBucket } from './bucket.ts'
import { inTurnPerKey } from './in-turn.ts'
import { noSuchBucket, OssRefusal } from './refusal.ts'

export interface Buckets {
  /** @throws NoSuchBucket */
  get(name: string): Bucket
  find(name: string): Bucket | null
  /** A bucket that is there already is not an error: it is the caller's own. */
  create(name: string): Promise<Bucket>
  delete(name: string): Promise<void>
  names(): string[]
}

export async function openBuckets(dir: string): Promise<Buckets> {
  await mkdir(dir, { recursive: true })
  const buckets = new Map<string, Bucket>()
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) buckets.set(entry.name, await openBucket(entry.name, join(dir, entry.name)))
  }
  const inTurn = inTurnPerKey()
  const get = (name: string): Bucket => {
    const bucket = buckets.get(name)
    if (bucket === undefined) throw noSuchBucket()
    return bucket
  }
  return {
    get,
    find: (name) => buckets.get(name) ?? null,
    names: () => [...buckets.keys()].sort(),
    create: (name) =>
      inTurn(name, async () => {
        const existing = buckets.get(name)
        if (existing !== undefined) return existing
        if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) {
          throw new OssRefusal(400, 'InvalidBucketName', 'The specified bucket is not valid.')
        }
        const bucket = await openBucket(name, join(dir, name))
        buckets.set(name, bucket)
        return bucket
      }),
    delete: (name) =>
      inTurn(name, async () => {
        if (!get(name).isEmpty())
          throw new OssRefusal(409, 'BucketNotEmpty', 'The bucket has objects. Please delete them first.')
        buckets.delete(name)
        await rm(join(dir, name), { recursive: true, force: true })
      }),
  }
}
