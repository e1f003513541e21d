import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { openTaskStore, type Task } from '../../../shared/local/fc/task-store.ts'
import { tempDir } from '../../support/temp-dir.ts'

let dir: string
beforeEach(async () => {
  dir = join(await tempDir('fc-store'), 'tasks')
})

const task = (taskId: string, more: Partial<Task> = {}): Task => ({
  taskId,
  functionName: 'f',
  requestId: `r-${taskId}`,
  payload: 'cGF5bG9hZA==',
  acceptedAt: 1,
  startedAt: null,
  endedAt: null,
  attempts: 0,
  status: 'Enqueued',
  error: null,
  ...more,
})
const ended = (taskId: string, endedAt: number) => task(taskId, { status: 'Succeeded', endedAt })
const hourMs = 3_600_000

it('keeps no payload of an ended task, in memory either', async () => {
  const store = await openTaskStore(dir)
  await store.add(task('a'))
  expect(store.find('f', 'a')?.payload).not.toBe('')
  await store.save(ended('a', Date.now()))
  expect(store.find('f', 'a')?.payload).toBe('')
})

it('forgets an ended task after a day, its file too, whether it ran on or was started again', async () => {
  let now = Date.now()
  const store = await openTaskStore(dir, () => now)
  for (const id of ['a', 'b']) await store.add(task(id))
  await store.save(ended('a', now))
  now += 23 * hourMs
  await store.save(ended('b', now))
  expect(await readdir(dir)).toHaveLength(2)
  now += 2 * hourMs
  await store.add(task('c'))
  await store.save(ended('c', now))
  expect(store.list('f').map(({ taskId }) => taskId)).toEqual(['b', 'c'])
  expect(await readdir(dir)).toHaveLength(2)
  expect(await store.add(task('a'))).toBe(true)
  now += 30 * hourMs
  const again = await openTaskStore(dir, () => now)
  expect(again.list('f').map(({ taskId }) => taskId)).toEqual(['a'])
  expect(await readdir(dir)).toHaveLength(1)
})

it('never says that a task is known before it is on disk, nor after it could not be written', async () => {
  const store = await openTaskStore(dir)
  await rm(dir, { recursive: true })
  const both = await Promise.allSettled([store.add(task('a')), store.add(task('a'))])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await mkdir(dir)
  expect(await store.add(task('a'))).toBe(true)
  expect(await store.add(task('a'))).toBe(false)
  expect(await readdir(dir)).toHaveLength(1)
})

it('removes what a killed server was writing, and gives the unfinished in the order of arrival', async () => {
  const store = await openTaskStore(dir)
  await store.add(task('late', { acceptedAt: 5 }))
  await store.add(task('early', { acceptedAt: 2, status: 'Running' }))
  await writeFile(join(dir, 'x.json.0011aa'), '{"taskId":')
  const again = await openTaskStore(dir)
  expect(again.unfinished().map(({ taskId }) => taskId)).toEqual(['early', 'late'])
  expect(await readdir(dir)).toHaveLength(2)
})
