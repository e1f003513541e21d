import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bucket, openBucket } from './bucket.ts'
import { noSuchBucket, OssRefusal } from './refusal.ts'

export interface Buckets {
  /** @throws NoSuchBucket */
  get(name: string): Bucket
  create(name: string): Promise<Bucket>
  delete(name: string): Promise<void>
  names(): string[]
}

export async function openBuckets(dir: string): Promise<Buckets> {
  await mkdir(dir, { recursive: true })
  const buckets = new Map<string, Bucket>()
  for (const name of await readdir(dir)) buckets.set(name, await openBucket(name, join(dir, name)))
  const get = (name: string): Bucket => {
    const bucket = buckets.get(name)
    if (bucket === undefined) throw noSuchBucket()
    return bucket
  }
  return {
    get,
    names: () => [...buckets.keys()].sort(),
    async create(name) {
      const existing = buckets.get(name)
      if (existing !== undefined) return existing
      if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(name)) {
        throw new OssRefusal(400, 'InvalidBucketName', 'The specified bucket is not valid.')
      }
      const bucket = await openBucket(name, join(dir, name))
      buckets.set(name, bucket)
      return bucket
    },
    async delete(name) {
      if (!get(name).isEmpty())
        throw new OssRefusal(409, 'BucketNotEmpty', 'The bucket has objects. Please delete them first.')
      buckets.delete(name)
      await rm(join(dir, name), { recursive: true, force: true })
    },
  }
}
