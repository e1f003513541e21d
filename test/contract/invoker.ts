import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FcServer } from '../../shared/local/fc/server.ts'
import type { FunctionName, Invoker } from '../../shared/ports/index.ts'
import { eventually, startTestFc, type TestFunction } from '../support/fc.ts'
import { tempDir } from '../support/temp-dir.ts'
import { codeOf } from './object-store.ts'

const count = "require('fs').appendFileSync(process.env.TEST_DIR + '/calls', event.toString() + '\\n')"

/** Functions under names of ours, each doing something else. */
const functions: Readonly<Record<string, TestFunction>> = {
  start: {
    code: 'exports.handler = async (event, context) => ({ echo: JSON.parse(event), isBuffer: Buffer.isBuffer(event), requestId: context.requestId })',
  },
  load: {
    code: `exports.handler = async (event) => { ${count} }`,
    props: '      asyncInvokeConfig:\n        asyncTask: true',
  },
  plan: { code: "exports.handler = async () => { throw new TypeError('boom') }" },
  stage: { code: 'exports.handler = () => new Promise(() => setTimeout(() => {}, 60000))', props: '      timeout: 1' },
  finish: { code: 'exports.handler = () => process.exit(3)' },
  tick: {
    code: 'exports.handler = () => new Promise((resolve) => setTimeout(resolve, 700))',
    props: '      concurrencyConfig:\n        reservedConcurrency: 1',
  },
}

export type OpenInvoker = (endpoint: string, keys?: { accessKeyId: string; accessKeySecret: string }) => Invoker
export const testFunctionName = (name: FunctionName) => `test-${name}`

/** What every Invoker must do, whichever generation of the platform's API it speaks. */
export function describeInvoker(name: string, open: OpenInvoker): void {
  describe(`${name} as an invoker`, () => {
    let server: FcServer
    let invoker: Invoker
    let dir: string
    beforeAll(async () => {
      dir = await tempDir('invoker')
      server = await startTestFc(dir, functions)
      invoker = open(server.endpoint)
    })
    afterAll(() => server.close())

    it('passes the event as a Buffer and gives the answer back', async () => {
      const answer = await invoker.invokeSync('start', { text: 'héllo 😀' }, 10_000)
      expect(answer).toMatchObject({ echo: { text: 'héllo 😀' }, isBuffer: true })
    })

    it('queues a task once, however often it is sent', async () => {
      expect(await invoker.invokeAsync('load', { n: 1 }, 'task_1')).toBe('queued')
      expect(await invoker.invokeAsync('load', { n: 1 }, 'task_1')).toBe('duplicate')
      expect(await invoker.invokeAsync('load', { n: 2 }, 'task_2')).toBe('queued')
      const calls = await eventually(async () => {
        const text = await readFile(join(dir, 'calls'), 'utf8').catch(() => '')
        return text.split('\n').length === 3 ? text : null
      })
      expect(calls.trim().split('\n').sort()).toEqual(['{"n":1}', '{"n":2}'])
    })

    it('leaves no connection open that would hold up the end of a process', async () => {
      const sockets = () => process.getActiveResourcesInfo().filter((one) => one === 'TCPSocketWrap').length
      await invoker.invokeAsync('load', { n: 3 }, 'first_of_many')
      const before = sockets()
      for (let n = 0; n < 5; n += 1) await invoker.invokeAsync('load', { n: 3 }, `one_of_many_${n}`)
      await eventually(async () => (sockets() <= before ? true : null))
    })

    it('names a handler that threw, that was too slow, that ended its process', async () => {
      expect(await codeOf(invoker.invokeSync('plan', {}, 10_000))).toBe('platform/function-failed')
      await expect(invoker.invokeSync('plan', {}, 10_000)).rejects.toThrow(/boom/)
      expect(await codeOf(invoker.invokeSync('stage', {}, 10_000))).toBe('platform/function-failed')
      await expect(invoker.invokeSync('finish', {}, 10_000)).rejects.toThrow(/exited unexpectedly/)
    })

    it('refuses an event over 128 kB before it is sent', async () => {
      expect(await codeOf(invoker.invokeAsync('load', { text: 'x'.repeat(140_000) }, 'big'))).toBe('event/too-large')
    })

    it('names a function that is not there, a full one, wrong keys and a dead endpoint', async () => {
      expect(await codeOf(invoker.invokeSync('api', {}, 5_000))).toBe('platform/function-missing')
      const first = invoker.invokeSync('tick', {}, 10_000)
      const codes = await Promise.all([codeOf(first), codeOf(invoker.invokeSync('tick', {}, 10_000))])
      expect(codes.sort()).toEqual(['no error', 'platform/throttled'])
      const wrong = open(server.endpoint, { accessKeyId: 'fckey', accessKeySecret: 'wrong' })
      expect(await codeOf(wrong.invokeSync('start', {}, 5_000))).toBe('connect/wrong-credentials')
      expect(await codeOf(open('http://127.0.0.1:1').invokeSync('start', {}, 5_000))).toBe('connect/unreachable')
    })
  })
}
