import { randomUUID } from 'node:crypto'
import { asTransferError, TransferError } from '../errors/index.ts'
import type { ObjectStore } from '../ports/index.ts'
import { probeKey } from '../staging/keys.ts'
import { checked, isFine, type Result, skipped } from './finding.ts'

/** All that a run does with its own bucket, on an object that goes again. */
export async function checkBucket(store: ObjectStore): Promise<Result[]> {
  const key = probeKey(randomUUID())
  const body = Buffer.from('a probe of adbpg-sync doctor')
  const write = await checked('write', async () => {
    await store.put(key, body, { ifAbsent: true })
    return `oss://${store.bucket}/${key} was written`
  })
  if (!isFine([write]))
    return [
      write,
      await checkList(store),
      ...['read', 'conditional put'].map((name) => skipped(name, 'needs the object')),
    ]
  const results = [
    write,
    await checkRead(store, key, body),
    await checkList(store),
    await checkCondition(store, key, body),
  ]
  return [
    ...results,
    await checked('remove', async () => {
      await store.remove([key])
      return 'the probe is gone'
    }),
  ]
}

const checkRead = (store: ObjectStore, key: string, body: Buffer): Promise<Result> =>
  checked('read', async () => {
    const found = await store.read(key, 1024)
    if (found?.body.equals(body) === true) return `${body.length} bytes came back as they were written`
    throw new TransferError('platform/unavailable', `what was written to ${key} did not come back`, { key })
  })

/** The prefix of our own probes: a role may be allowed to list some prefixes and no others. */
const checkList = (store: ObjectStore): Promise<Result> => checked('list', () => firstOfList(store))

export async function firstOfList(store: ObjectStore): Promise<string> {
  for await (const { key } of store.list(probeKey(''))) return `bucket ${store.bucket} can be listed, ${key} first`
  return `bucket ${store.bucket} can be listed`
}

/** Datasources and exports rely on it: an object that is there must not be replaced. */
const checkCondition = (store: ObjectStore, key: string, body: Buffer): Promise<Result> =>
  checked('conditional put', async () => {
    const refusal = await store.put(key, body, { ifAbsent: true }).then(() => null, asTransferError)
    if (refusal?.code === 'target/object-exists') return 'a second write of the same key was refused'
    throw (
      refusal ?? new TransferError('platform/unavailable', 'a put that forbids to overwrite has overwritten', { key })
    )
  })
