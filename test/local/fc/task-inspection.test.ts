import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GetAsyncTaskRequest, ListAsyncTasksRequest, StopAsyncTaskRequest } from '@alicloud/fc20230330'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FcServer } from '../../../shared/local/fc/server.ts'
import { eventually, startTestFc } from '../../support/fc.ts'
import { fc3, invokeLater, rawCall } from '../../support/fc-client.ts'
import { tempDir } from '../../support/temp-dir.ts'

const props =
  '      asyncInvokeConfig:\n        asyncTask: true\n        maxAsyncRetryAttempts: 1\n      concurrencyConfig:\n        reservedConcurrency: 2'
const functions = {
  one: {
    code: `exports.handler = async (event) => {
      const mode = String(event)
      require('fs').appendFileSync(process.env.TEST_DIR + '/calls', mode + '\\n')
      if (mode === 'fail') throw new Error('no luck')
      if (mode.startsWith('hang')) await new Promise(() => setTimeout(() => {}, 60000))
    }`,
    props,
  },
}
const old = '/2016-08-15/services/svc/functions/test-one/stateful-async-invocations'
const current = '/2023-03-30/functions/test-one/async-tasks'

let server: FcServer
let dir: string
beforeAll(async () => {
  dir = await tempDir('fc-tasks')
  await appendFile(join(dir, 'calls'), '')
  server = await startTestFc(dir, functions)
})
afterAll(() => server.close())

const calls = async () => (await readFile(join(dir, 'calls'), 'utf8')).split('\n')
const statusOf = async (id: string) =>
  (JSON.parse((await rawCall(server.endpoint, { method: 'GET', path: `${current}/${id}` })).text) as { status: string })
    .status
const become = (id: string, status: string) => eventually(async () => (await statusOf(id)) === status)

describe('tasks, looked at through the API', () => {
  it('show how they went', async () => {
    await invokeLater(server.endpoint, 'one', 'fail', 'failed-1')
    await invokeLater(server.endpoint, 'one', 'fine', 'fine-1')
    await become('failed-1', 'Failed')
    await become('fine-1', 'Succeeded')
    const { body } = await fc3(server.endpoint).getAsyncTask('test-one', 'failed-1', new GetAsyncTaskRequest({}))
    expect(body).toMatchObject({
      taskId: 'failed-1',
      status: 'Failed',
      alreadyRetriedTimes: 1,
      taskErrorMessage: expect.stringMatching(/no luck/),
      requestId: expect.any(String),
    })
    expect(body?.endTime).toBeGreaterThanOrEqual(body?.startedTime ?? Number.POSITIVE_INFINITY)
    const twin = await rawCall(server.endpoint, { method: 'GET', path: `${old}/failed-1` })
    expect(JSON.parse(twin.text)).toMatchObject({ invocationId: 'failed-1', status: 'Failed' })
  })

  it('are listed by status and prefix, page after page', async () => {
    const client = fc3(server.endpoint)
    const list = async (query: object) =>
      (await client.listAsyncTasks('test-one', new ListAsyncTasksRequest(query))).body
    expect((await list({ status: 'Failed' }))?.tasks?.map(({ taskId }) => taskId)).toEqual(['failed-1'])
    expect((await list({ prefix: 'fine' }))?.tasks?.map(({ taskId }) => taskId)).toEqual(['fine-1'])
    const first = await list({ limit: 1 })
    const second = await list({ limit: 1, nextToken: first?.nextToken })
    const ids = [...(first?.tasks ?? []), ...(second?.tasks ?? [])].map(({ taskId }) => taskId)
    expect(ids.sort()).toEqual(['failed-1', 'fine-1'])
    expect(second?.nextToken ?? '').toBe('')
    const twin = await rawCall(server.endpoint, { method: 'GET', path: old })
    expect((JSON.parse(twin.text) as { invocations: object[] }).invocations).toHaveLength(2)
  })

  it('are stopped while they run and while they wait, and are not run again', async () => {
    await invokeLater(server.endpoint, 'one', 'hang-1', 'hang-1')
    await invokeLater(server.endpoint, 'one', 'hang-2', 'hang-2')
    await become('hang-1', 'Running')
    await become('hang-2', 'Running')
    await invokeLater(server.endpoint, 'one', 'hang-3', 'hang-3')
    await fc3(server.endpoint).stopAsyncTask('test-one', 'hang-3', new StopAsyncTaskRequest({}))
    await fc3(server.endpoint).stopAsyncTask('test-one', 'hang-1', new StopAsyncTaskRequest({}))
    expect((await rawCall(server.endpoint, { method: 'PUT', path: `${old}/hang-2` })).status).toBeLessThan(300)
    await eventually(() => server.pids().length === 0)
    for (const id of ['hang-1', 'hang-2', 'hang-3']) expect(await statusOf(id)).toBe('Stopped')
    await invokeLater(server.endpoint, 'one', 'after', 'after')
    await become('after', 'Succeeded')
    expect((await calls()).filter((call) => call.startsWith('hang')).sort()).toEqual(['hang-1', 'hang-2'])
  })

  it('that are not there are 404 in both families', async () => {
    for (const path of [`${current}/none`, `${old}/none`]) {
      const answer = await rawCall(server.endpoint, { method: 'GET', path })
      expect(answer.status).toBe(404)
      expect(answer.text).toMatch(/AsyncTaskNotFound/)
    }
    expect((await rawCall(server.endpoint, { method: 'PUT', path: `${current}/none/stop` })).status).toBe(404)
  })
})
