import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { FcServer, FcServerOptions } from '../../../shared/local/fc/server.ts'
import { eventually, startTestFc, type TestFunction } from '../../support/fc.ts'
import { fc2, invoke, invokeLater } from '../../support/fc-client.ts'
import { tempDir } from '../../support/temp-dir.ts'

let dir: string
beforeEach(async () => {
  dir = await tempDir('fc-queue')
})

const start = async (
  functions: Readonly<Record<string, TestFunction>>,
  options: Partial<FcServerOptions> = {},
): Promise<FcServer> => {
  const server = await startTestFc(dir, functions, options)
  onTestFinished(() => server.close())
  return server
}
const linesOf = async (file: string) =>
  (await readFile(join(dir, file), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
const lines = (file: string, count: number) =>
  eventually(async () => {
    const found = await linesOf(file)
    return found.length >= count ? found : null
  })
const noted = (file: string) => `require('fs').appendFileSync(process.env.TEST_DIR + '/${file}', event + '\\n')`
const config = (...fields: readonly string[]) =>
  `      asyncInvokeConfig:\n${fields.map((field) => `        ${field}`).join('\n')}`
const destination = (kind: string, name: string) =>
  `destinationConfig:\n          ${kind}:\n            destination: acs:fc:cn-hangzhou:1:functions/test-${name}`
const note: TestFunction = { code: `exports.handler = async (event) => { ${noted('noted')} }` }
const works = `exports.handler = async (event) => { ${noted('calls')}; return { done: String(event) } }`
const fails = `exports.handler = async (event) => { ${noted('calls')}; throw new TypeError('no luck') }`

describe('an accepted task', () => {
  it('is 202 with an empty body and no content type, which the older SDK would parse', async () => {
    const server = await start({ one: { code: works } })
    const answer = await invokeLater(server.endpoint, 'one', 'x')
    expect(answer.status).toBe(202)
    expect(answer.text).toBe('')
    expect(answer.headers.get('content-type')).toBeNull()
    expect(answer.headers.get('x-fc-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const headers = { 'X-Fc-Invocation-Type': 'Async' }
    expect((await fc2(server.endpoint).invokeFunction('svc', 'test-one', 'y', headers)).data).toBe('')
    expect((await lines('calls', 2)).sort()).toEqual(['x', 'y'])
  })

  it('that fails is tried again as often as configured, and then told to its failure destination', async () => {
    const props = config('maxAsyncRetryAttempts: 2', destination('onFailure', 'note'))
    const server = await start({ one: { code: fails, props }, note })
    const { headers } = await invokeLater(server.endpoint, 'one', '{"a":[1]}')
    const [told = ''] = await lines('noted', 1)
    expect(await linesOf('calls')).toHaveLength(3)
    expect(JSON.parse(told)).toEqual({
      timestamp: expect.any(Number),
      requestContext: {
        requestId: headers.get('x-fc-request-id'),
        functionArn: 'acs:fc:cn-hangzhou:1000000000000001:functions/test-one',
        condition: 'RetriesExhausted',
        approximateInvokeCount: 3,
      },
      requestPayload: { a: [1] },
      responseContext: { statusCode: 200, functionError: 'UnhandledInvocationError' },
      responsePayload: { errorMessage: 'no luck', errorType: 'TypeError', stackTrace: expect.any(Array) },
    })
  })

  it('that succeeds is told to its success destination alone, text as text', async () => {
    const both = `${destination('onSuccess', 'note')}\n          onFailure:\n            destination: acs:fc:x:1:functions/test-never`
    const server = await start({
      one: { code: works, props: config(both) },
      note,
      never: { code: `exports.handler = async (event) => { ${noted('never')} }` },
    })
    await invokeLater(server.endpoint, 'one', 'plain text')
    const [told = ''] = await lines('noted', 1)
    expect(JSON.parse(told)).toMatchObject({
      requestContext: { condition: 'Success', approximateInvokeCount: 1 },
      requestPayload: 'plain text',
      responsePayload: { done: 'plain text' },
    })
    expect(await linesOf('never')).toEqual([])
  })

  it('that is too old when its turn comes expires, is not run, and is told', async () => {
    const props = `${config('maxAsyncEventAgeInSeconds: 1', destination('onFailure', 'note'))}\n      concurrencyConfig:\n        reservedConcurrency: 1`
    const code = `exports.handler = async (event) => {
      ${noted('calls')}
      while (!require('fs').existsSync(process.env.TEST_DIR + '/go')) await new Promise((r) => setTimeout(r, 10))
    }`
    const server = await start({ one: { code, props }, note })
    await invokeLater(server.endpoint, 'one', 'first')
    await lines('calls', 1)
    await invokeLater(server.endpoint, 'one', 'second')
    const [told = ''] = await lines('noted', 1)
    await writeFile(join(dir, 'go'), '')
    expect(JSON.parse(told)).toMatchObject({
      requestContext: { condition: 'EventAgeExceeded', approximateInvokeCount: 0 },
      requestPayload: 'second',
      responsePayload: null,
    })
    expect(await linesOf('calls')).toEqual(['first'])
  })
})

describe('a task that waits for room', () => {
  const held = (until: string) => `exports.handler = async (event) => {
      ${noted('calls')}
      while (!require('fs').existsSync(process.env.TEST_DIR + '/go-${until}')) await new Promise((r) => setTimeout(r, 10))
    }`
  const one = '      concurrencyConfig:\n        reservedConcurrency: 1'

  it('begins when another function of the account gives it', async () => {
    const functions = Object.fromEntries(
      ['first', 'second', 'third'].map((name) => [name, { code: held(name), props: one }]),
    )
    const server = await start(functions, { accountConcurrency: 2 })
    for (const name of ['first', 'second']) await invokeLater(server.endpoint, name, name)
    await lines('calls', 2)
    await invokeLater(server.endpoint, 'third', 'third')
    await writeFile(join(dir, 'go-second'), '')
    expect((await lines('calls', 3)).at(-1)).toBe('third')
    for (const name of ['first', 'third']) await writeFile(join(dir, `go-${name}`), '')
  })

  it('is run in the order of arrival, whatever the number of those that wait', async () => {
    const server = await start({ one: { code: held('all'), props: one } })
    const names = [...Array(30).keys()].map((n) => `n${n}`)
    for (const name of names) await invokeLater(server.endpoint, 'one', name)
    await lines('calls', 1)
    await writeFile(join(dir, 'go-all'), '')
    expect(await lines('calls', names.length)).toEqual(names)
  })
})

describe('task ids', () => {
  const kept = { code: works, props: config('asyncTask: true') }

  it('are taken once: while the task waits, after it has ended, and after the server has started again', async () => {
    const server = await start({ one: kept })
    const statuses = await Promise.all([1, 2, 3].map(() => invokeLater(server.endpoint, 'one', 'x', 'same')))
    expect(statuses.map(({ status }) => status).sort()).toEqual([202, 409, 409])
    await lines('calls', 1)
    expect((await invokeLater(server.endpoint, 'one', 'x', 'same')).status).toBe(409)
    await server.close()
    const again = await start({ one: kept })
    const refused = await invokeLater(again.endpoint, 'one', 'x', 'same')
    expect(refused.status).toBe(409)
    expect(JSON.parse(refused.text)).toMatchObject({ Code: 'AsyncTaskAlreadyExists' })
    await invokeLater(again.endpoint, 'one', 'last', 'other')
    expect(await lines('calls', 2)).toEqual(['x', 'last'])
  })

  it.each(['1a', '-a', 'a b', 'ü', `a${'b'.repeat(128)}`, 'a/b'])('like %j are refused', async (id) => {
    const server = await start({ one: kept })
    // Header values travel as Latin-1.
    const answer = await invokeLater(server.endpoint, 'one', 'x', id)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ Code: 'InvalidArgument' })
  })

  it('of 128 characters are taken', async () => {
    const server = await start({ one: kept })
    expect((await invokeLater(server.endpoint, 'one', 'x', `_${'b'.repeat(127)}`)).status).toBe(202)
  })

  it('mean nothing to a function that keeps no tasks', async () => {
    const server = await start({ one: { code: works } })
    for (let n = 0; n < 2; n += 1) expect((await invokeLater(server.endpoint, 'one', 'x', 'id')).status).toBe(202)
    await lines('calls', 2)
  })
})

describe('what a task leaves behind', () => {
  it('is no payload, neither on disk nor in memory, once it has ended', async () => {
    const server = await start({ one: { code: works, props: config('asyncTask: true') } })
    await invokeLater(server.endpoint, 'one', 'a payload of its own', 'id')
    const tasks = join(dir, 'data', 'tasks')
    await eventually(async () => {
      const [file = ''] = await readdir(tasks)
      const text = await readFile(join(tasks, file), 'utf8').catch(() => '')
      return text.includes('"Succeeded"') && text.includes('"payload":""')
    })
  })

  it('is nothing that runs once the server has closed, and it runs again with the next start', async () => {
    const functions = {
      one: {
        code: `exports.handler = async (event) => { ${noted('calls')}; if (!require('fs').existsSync(process.env.TEST_DIR + '/go')) await new Promise(() => setTimeout(() => {}, 60000)) }`,
      },
    }
    const server = await start(functions)
    await invokeLater(server.endpoint, 'one', 'x')
    await lines('calls', 1)
    await server.close()
    expect(server.pids()).toEqual([])
    await writeFile(join(dir, 'go'), '')
    const again = await start(functions)
    expect(await lines('calls', 2)).toEqual(['x', 'x'])
    expect((await invoke(again.endpoint, 'one', 'y')).status).toBe(200)
  })
})
