import { createHash } from 'node:crypto'
import { TransferError } from '../../shared/errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../shared/ports/index.ts'

interface Kept {
  readonly head: ObjectHead
  readonly body: Buffer
}

interface StoreCounts {
  puts: number
  gets: number
}

export interface MemoryBucket {
  readonly objects: Map<string, Kept>
  readonly requests: StoreCounts
}
export const memoryBucket = (): MemoryBucket => ({ objects: new Map(), requests: { puts: 0, gets: 0 } })

/** A bucket in memory, as one process sees it. `call` comes before every request: for latency and refusals. */
export function memoryStore(
  { objects, requests }: MemoryBucket,
  now: () => Date,
  call: (what: string, key: string) => Promise<void>,
): ObjectStore {
  const get = async (what: string, key: string) => {
    requests.gets += 1
    await call(what, key)
    return objects.get(key) ?? null
  }
  const store: ObjectStore = {
    bucket: 'simulated',
    head: async (key) => (await get('head', key))?.head ?? null,
    async *list(prefix) {
      requests.puts += 1
      await call('list', prefix)
      for (const key of [...objects.keys()].sort()) {
        const found = objects.get(key)
        if (found !== undefined && key.startsWith(prefix)) yield found.head
      }
    },
    async *readRange(key, { start, end, etag }) {
      const found = await get('get', key)
      if (found === null) throw new TransferError('source/object-missing', `no object ${key}`, { key })
      if (found.head.etag !== etag) throw new TransferError('source/object-changed', `${key} has changed`, { key })
      yield found.body.subarray(start, end)
    },
    async read(key) {
      const found = await get('get', key)
      return found === null ? null : { body: found.body, etag: found.head.etag }
    },
    async put(key, body, options = {}) {
      requests.puts += 1
      await call('put', key)
      if (options.ifAbsent === true && objects.has(key))
        throw new TransferError('target/object-exists', `${key} is there`, { key })
      const etag = createHash('md5').update(body).digest('hex').toUpperCase()
      const head = { key, etag, size: body.length, lastModified: now(), metadata: options.metadata ?? {} }
      objects.set(key, { head, body: Buffer.from(body) })
      return { etag }
    },
    async putStream(key, body, options = {}) {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      const whole = Buffer.concat(pieces)
      return { etag: (await store.put(key, whole, options)).etag, size: whole.length }
    },
    prepareUpload: () => refuse(),
    completeUpload: () => refuse(),
    abortUpload: () => refuse(),
    async remove(keys) {
      requests.puts += Math.ceil(keys.length / 1000)
      await call('remove', keys[0] ?? '')
      for (const key of keys) objects.delete(key)
    },
  }
  return store
}

function refuse(): never {
  throw new TransferError('internal/bug', 'the simulation exports nothing')
}
