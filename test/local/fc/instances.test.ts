import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type FunctionDefinition, readFunctions } from '../../../shared/local/fc/functions.ts'
import { openGuardian } from '../../../shared/local/fc/guardian.ts'
import { startInstance } from '../../../shared/local/fc/instance.ts'
import type { FcServer, FcServerOptions } from '../../../shared/local/fc/server.ts'
import { eventually, startTestFc, type TestFunction } from '../../support/fc.ts'
import { invoke } from '../../support/fc-client.ts'
import { isRunning } from '../../support/is-running.ts'
import { tempDir } from '../../support/temp-dir.ts'

let dir: string
beforeEach(async () => {
  dir = await tempDir('fc-instances')
})

const start = async (one: TestFunction, options: Partial<FcServerOptions> = {}): Promise<FcServer> => {
  const server = await startTestFc(dir, { one }, options)
  onTestFinished(() => server.close())
  return server
}
const onlyFunction = async (one: TestFunction): Promise<FunctionDefinition> => {
  const server = await start(one)
  await server.close()
  const [definition] = await readFunctions(join(dir, 's.yaml'), {})
  if (definition === undefined) throw new Error('s.yaml has no function')
  return definition
}
const linesOf = async (file: string) =>
  (await readFile(join(dir, file), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '')
const note = (file: string, text: string) =>
  `require('fs').appendFileSync(process.env.TEST_DIR + '/${file}', ${text} + '\\n')`
const lifecycle = (...hooks: readonly string[]) =>
  `      instanceLifecycleConfig:\n${hooks.map((hook) => `        ${hook}:\n          handler: index.${hook}\n          timeout: 1`).join('\n')}`

describe('an instance', () => {
  const code =
    'let n = 0; exports.handler = async (event) => ({ pid: process.pid, n: ++n, id: process.env.FC_INSTANCE_ID })'

  it('is used again while it is warm', async () => {
    const server = await start({ code })
    const first = JSON.parse((await invoke(server.endpoint, 'one')).text)
    const second = JSON.parse((await invoke(server.endpoint, 'one')).text)
    expect(second).toEqual({ ...first, n: 2 })
  })

  it('is not used again once it is dead', async () => {
    const server = await start({ code })
    const { pid } = JSON.parse((await invoke(server.endpoint, 'one')).text) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await eventually(() => !isRunning(pid))
    expect(await eventually(() => !server.pids().includes(pid))).toBe(true)
    expect(JSON.parse((await invoke(server.endpoint, 'one')).text)).toMatchObject({ n: 1 })
  })

  it('has one request at a time', async () => {
    const server = await start({
      code: `let now = 0
      exports.handler = async () => { now += 1; await new Promise((r) => setTimeout(r, 50)); const seen = now; now -= 1; return { seen, pid: process.pid } }`,
    })
    const answers = await Promise.all([1, 2, 3].map(() => invoke(server.endpoint, 'one')))
    const seen = answers.map(({ text }) => JSON.parse(text) as { seen: number; pid: number })
    expect(seen.map((one) => one.seen)).toEqual([1, 1, 1])
    expect(new Set(seen.map(({ pid }) => pid)).size).toBe(3)
    expect(server.pids()).toHaveLength(3)
  })

  it('gathers no listeners, however often it is called', async () => {
    const server = await start({ code })
    const warnings: string[] = []
    const onWarning = ({ name }: Error) => void warnings.push(name)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    for (let n = 0; n < 30; n += 1) await invoke(server.endpoint, 'one')
    expect(warnings).toEqual([])
  })

  it.runIf(existsSync('/proc/self/fd'))('leaves no descriptor to the server once it is gone', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length
    const before = descriptors()
    const server = await start({ code: 'exports.handler = async () => process.exit(1)' })
    for (let n = 0; n < 5; n += 1) await invoke(server.endpoint, 'one')
    expect(descriptors()).toBeGreaterThan(before)
    await server.close()
    await eventually(() => descriptors() <= before)
  })

  it('is not handed out once it is to be killed, though its end has not been seen yet', async () => {
    const guardian = openGuardian()
    const definition = await onlyFunction({ code })
    const instance = startInstance('i-1', {
      definition,
      environment: {},
      contextOf: () => ({}),
      nodeOptions: [],
      compiledDir: null,
      guardian,
    })
    instance.kill()
    expect(instance.isAlive()).toBe(false)
    await instance.stop()
    await guardian.close()
  })

  it('goes with its server, and so does what it started itself', async () => {
    const server = await start({
      code: `exports.handler = async () => {
        const child = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
        return { pids: [process.pid, child.pid] }
      }`,
    })
    const { pids } = JSON.parse((await invoke(server.endpoint, 'one')).text) as { pids: number[] }
    await server.close()
    await eventually(() => !pids.some(isRunning))
  })
})

describe('the initializer', () => {
  it('runs once an instance, before its first request', async () => {
    const server = await start({
      code: `exports.initialize = async (context) => { ${note('calls', "'init ' + typeof context.requestId")} }
      exports.handler = async () => { ${note('calls', "'call'")} }`,
      props: lifecycle('initialize').replace('initialize:', 'initializer:'),
    })
    await invoke(server.endpoint, 'one')
    await invoke(server.endpoint, 'one')
    expect(await linesOf('calls')).toEqual(['init string', 'call', 'call'])
  })

  it('that fails is the answer of its request, and the next request tries again', async () => {
    const server = await start({
      code: `let tries = 0
      exports.initialize = async () => { tries += 1; if (tries < 3) throw new Error('try ' + tries) }
      exports.handler = async () => ({ tries })`,
      props: lifecycle('initialize').replace('initialize:', 'initializer:'),
    })
    const answers: string[] = []
    for (let n = 0; n < 4; n += 1) answers.push((await invoke(server.endpoint, 'one')).text)
    expect(answers.slice(0, 2).map((text) => (JSON.parse(text) as { errorMessage: string }).errorMessage)).toEqual([
      'try 1',
      'try 2',
    ])
    expect(answers.slice(2)).toEqual(['{"tries":3}', '{"tries":3}'])
  })

  it('has a time of its own', async () => {
    const server = await start({
      code: 'exports.initialize = () => new Promise(() => setTimeout(() => {}, 60000)); exports.handler = async () => 1',
      props: lifecycle('initialize').replace('initialize:', 'initializer:'),
    })
    const { text } = await invoke(server.endpoint, 'one')
    expect(text).toMatch(/Function time out after 1\d\d\dms/)
  })
})

describe('preStop', () => {
  it('runs when the server closes', async () => {
    const server = await start({
      code: `exports.preStop = async () => { ${note('calls', "'stop'")} }; exports.handler = async () => 1`,
      props: lifecycle('preStop'),
    })
    await invoke(server.endpoint, 'one')
    await server.close()
    expect(await linesOf('calls')).toEqual(['stop'])
  })

  it('runs when an instance has been idle for three minutes, and the instance goes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const server = await start({
      code: `exports.preStop = async () => { ${note('calls', "'stop'")} }; exports.handler = async () => 1`,
      props: lifecycle('preStop'),
    })
    await invoke(server.endpoint, 'one')
    vi.advanceTimersByTime(170_000)
    expect(server.pids()).toHaveLength(1)
    vi.advanceTimersByTime(20_000)
    expect(server.pids()).toEqual([])
    await server.close()
    expect(await linesOf('calls')).toEqual(['stop'])
  })

  it('cannot hold the end of the server up for longer than its timeout', async () => {
    const server = await start({
      code: 'exports.preStop = () => new Promise(() => setTimeout(() => {}, 60000)); exports.handler = async () => process.pid',
      props: lifecycle('preStop'),
    })
    const pid = Number((await invoke(server.endpoint, 'one')).text)
    await server.close()
    expect(isRunning(pid)).toBe(false)
  })
})

describe('the log of a request', () => {
  const code = `exports.handler = async (event, { logger, requestId }) => {
    console.log('said ' + event); console.error('cried ' + event); logger.warn('warned', String(event))
    if (String(event) === 'leave') process.exit(1)
    if (String(event) === 'long') console.log('é'.repeat(40_000))
  }`

  it('is all its own lines and no other, also of a process that ended itself', async () => {
    const server = await start({ code })
    const ids: (string | null)[] = []
    for (const event of ['a', 'b', 'leave']) {
      ids.push((await invoke(server.endpoint, 'one', event)).headers.get('x-fc-request-id'))
    }
    const lines = await eventually(async () => {
      const found = await linesOf(join('data', 'logs', 'test-one.log'))
      return found.length === 3 ? found.map((line) => JSON.parse(line) as { requestId: string; log: string }) : null
    })
    expect(lines.map(({ requestId }) => requestId)).toEqual(ids)
    for (const [index, event] of ['a', 'b', 'leave'].entries()) {
      expect(lines[index]?.log).toContain(`said ${event}\ncried ${event}\n`)
      expect(lines[index]?.log).toMatch(new RegExp(`Z ${ids[index]} \\[warn\\] warned ${event}\n`))
      expect(lines[index]?.log.match(/said/g)).toHaveLength(1)
    }
    expect(lines[2]).toMatchObject({ errorType: 'UnhandledInvocationError', error: expect.stringMatching(/exited/) })
  })

  it('comes with the answer when it is asked for, its last 4 KB', async () => {
    const server = await start({ code })
    const answer = await invoke(server.endpoint, 'one', 'long', { 'x-fc-log-type': 'Tail' })
    const log = Buffer.from(answer.headers.get('x-fc-log-result') ?? '', 'base64')
    expect(log.length).toBeLessThanOrEqual(4096)
    expect(log.toString('utf8')).toMatch(/^�?é+\n/)
    expect((await invoke(server.endpoint, 'one', 'a')).headers.get('x-fc-log-result')).toBeNull()
  })
})
