import { expect, it } from 'vitest'
import type { ObjectStore } from '../../shared/ports/index.ts'
import { findDatasource } from '../../shared/run/datasources.ts'
import { isNewEnough, openRemembered, readingOnce } from '../../shared/run/remembered.ts'
import type { World } from '../../shared/run/world.ts'

it('holds for what happened before it was read, with room for clocks that differ', () => {
  const readAt = new Date('2026-11-25T10:00:10.000Z')
  const configuration = { readAt, jobs: [], store: {} as ObjectStore }
  const at = (time: string) => isNewEnough(configuration, new Date(`2026-11-25T10:00:${time}Z`))
  expect(at('07.999')).toBe(true)
  expect(at('08.000')).toBe(true)
  expect(at('08.001')).toBe(false)
  expect(at('11.000')).toBe(false)
})

it('reads a datasource once, also when it is asked for twice at the same time, and again after an error', async () => {
  const reads: string[] = []
  const store = {
    async read(key: string) {
      reads.push(key)
      if (reads.length === 1) throw new Error('not now')
      return { body: Buffer.from(key), etag: 'E' }
    },
  } as unknown as ObjectStore
  const once = readingOnce(store)
  await expect(once.read('datasources/a.json', 1)).rejects.toThrow('not now')
  const [first, second] = await Promise.all([once.read('datasources/a.json', 1), once.read('datasources/a.json', 1)])
  expect(first).toBe(second)
  await once.read('jobs/a.json', 1)
  await once.read('jobs/a.json', 1)
  expect(reads).toEqual(['datasources/a.json', 'datasources/a.json', 'jobs/a.json', 'jobs/a.json'])
})

it('reads a definition of one version once, and that of another anew', async () => {
  let stored = { type: 'oss', endpoint: 'https://a.example', region: 'cn-hangzhou', bucket: 'one' }
  let etag = 'A'
  const store = { read: async () => ({ body: Buffer.from(JSON.stringify(stored)), etag }) } as unknown as ObjectStore
  const world = { store, settings: { datasources: null } as World['settings'], remembered: openRemembered() }
  const find = () => findDatasource(world, {}, 'files')
  const first = await find()
  expect(await find()).toBe(first)
  stored = { ...stored, bucket: 'two' }
  etag = 'B'
  expect((await find())?.datasource).toMatchObject({ bucket: 'two' })
})
