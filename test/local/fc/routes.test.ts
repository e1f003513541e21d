import { request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FcServer } from '../../../shared/local/fc/server.ts'
import { startTestFc } from '../../support/fc.ts'
import { invoke, rawCall } from '../../support/fc-client.ts'
import { type KeptLog, keptLog } from '../../support/log.ts'
import { tempDir } from '../../support/temp-dir.ts'

let server: FcServer
let log: KeptLog
beforeAll(async () => {
  log = keptLog()
  const functions = { one: { code: 'exports.handler = async (event) => String(event)' } }
  server = await startTestFc(await tempDir('fc-routes'), functions, { log })
})
afterAll(() => server.close())

const old = '/2016-08-15/services/svc/functions/test-one'
const current = '/2023-03-30/functions/test-one'

it.each([
  ['GET', current],
  ['GET', old],
])('%s %s describes the function', async (method, path) => {
  const { status, text } = await rawCall(server.endpoint, { method, path })
  expect(status).toBe(200)
  const facts = {
    functionName: 'test-one',
    runtime: 'nodejs20',
    handler: 'index.handler',
    memorySize: 256,
    timeout: 30,
  }
  expect(JSON.parse(text)).toEqual(facts)
})

it.each([
  ['POST', '/'],
  ['DELETE', current],
  ['GET', `${current}/invocations`],
  ['POST', `${current}/invocations/more`],
  ['DELETE', `${current}/async-tasks/x`],
  ['GET', `${current}/async-tasks/x/stop`],
  ['PUT', `${current}/async-tasks/x`],
  ['POST', `${old}/stateful-async-invocations`],
  ['POST', '/2021-04-06/services/svc/functions/test-one/invocations'],
])('%s %s is no path here', async (method, path) => {
  const { status, text } = await rawCall(server.endpoint, { method, path })
  expect(status).toBe(400)
  expect(text).toMatch(/PathNotSupported/)
})

it('a function that is not there is 404 in the shape of each family', async () => {
  const lost = [old, current].map((path) => `${path.replace('test-one', 'none')}/invocations`)
  const [oldAnswer, currentAnswer] = await Promise.all(lost.map((path) => rawCall(server.endpoint, { path })))
  expect([oldAnswer?.status, currentAnswer?.status]).toEqual([404, 404])
  expect(JSON.parse(oldAnswer?.text ?? '')).toMatchObject({ ErrorCode: 'FunctionNotFound' })
  expect(JSON.parse(currentAnswer?.text ?? '')).toMatchObject({ Code: 'FunctionNotFound' })
})

it.each([
  '/2023-03-30/functions/%zz/invocations',
  '/2016-08-15/services/svc/functions/%zz',
  '/http/%zz/%zz',
  '/%zz',
  '//',
])('%s is refused, and the server lives on', async (path) => {
  const { status } = await fetch(server.endpoint + path)
  expect([400, 404]).toContain(status)
  expect((await invoke(server.endpoint, 'one', 'x')).text).toBe('x')
})

it('a caller that hangs up before its request is whole is no error of the server', async () => {
  await new Promise<void>((resolve) => {
    const call = request(`${server.endpoint}${current}/invocations`, {
      method: 'POST',
      headers: { 'content-length': 10 },
    })
    call.on('error', () => resolve())
    call.write('x', () => call.destroy())
    call.on('close', () => resolve())
  })
  expect((await invoke(server.endpoint, 'one', 'x')).text).toBe('x')
  expect(log.lines.filter((line) => line.includes('"error"'))).toEqual([])
})

it('a port that is taken is said, and nothing stays behind', async () => {
  const port = Number(new URL(server.endpoint).port)
  await expect(
    startTestFc(await tempDir('fc-taken'), { one: { code: 'exports.handler = async () => 1' } }, { port }),
  ).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
