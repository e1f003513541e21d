import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FcServer } from '../../../shared/local/fc/server.ts'
import { fcAccount, fcRegion, startTestFc } from '../../support/fc.ts'
import { invoke } from '../../support/fc-client.ts'
import { tempDir } from '../../support/temp-dir.ts'

const functions = {
  context: {
    code: `exports.handler = async (event, context) => {
      const { logger, ...rest } = context
      return { isBuffer: Buffer.isBuffer(event), event: String(event), context: rest, logger: Object.keys(logger).sort() }
    }`,
  },
  environment: {
    code: 'exports.handler = async () => process.env',
    props: '      environmentVariables:\n        MINE: of the file\n        LAID: of the file',
  },
  returns: {
    code: `const values = {
      buffer: Buffer.from([0, 255, 10]), object: { a: [1] }, array: [1, 2], text: 'hé', json: '{"a":1}', number: 7,
      nothing: undefined, nil: null, yes: true, empty: '',
    }
    exports.handler = async (event) => values[event]`,
  },
  throws: {
    code: `class Sad extends Error {}
    exports.handler = async (event) => {
      if (String(event) === 'text') throw 'only text'
      if (String(event) === 'cycle') { const a = {}; a.a = a; return a }
      if (String(event) === 'later') { setTimeout(() => { throw new Error('nobody waits') }); await new Promise(() => {}) }
      throw new Sad('so sad')
    }`,
  },
  leaves: { code: 'exports.handler = async () => process.exit(0)' },
  module: { code: '' },
  absent: { code: 'exports.other = 1' },
  broken: { code: 'syntax error here' },
}

let server: FcServer
beforeAll(async () => {
  process.env.PARENT_SECRET = 'of the parent'
  const dir = await tempDir('fc-runtime')
  const environment = { TEST_DIR: dir, LAID: 'over it' }
  server = await startTestFc(dir, functions, { environment })
  await mkdir(join(dir, 'module'), { recursive: true })
  await writeFile(
    join(dir, 'module', 'index.mjs'),
    "import { basename } from 'node:path'\nexport const handler = async (event) => ({ esm: basename(String(event)) })\n",
  )
  await rm(join(dir, 'module', 'index.js'))
})
afterAll(async () => {
  delete process.env.PARENT_SECRET
  await server.close()
})

const call = (name: string, body = '') => invoke(server.endpoint, name, body)

describe('what a handler is given', () => {
  it('is the event as a Buffer and the context of the platform', async () => {
    const { text, headers } = await call('context', 'hé')
    expect(JSON.parse(text)).toEqual({
      isBuffer: true,
      event: 'hé',
      context: {
        requestId: headers.get('x-fc-request-id'),
        credentials: { accessKeyId: 'STS.x', accessKeySecret: 'y', securityToken: 'z' },
        function: { name: 'test-context', handler: 'index.handler', memory: 256, timeout: 30 },
        service: { name: '', logProject: '', logStore: '', qualifier: 'LATEST', versionId: '' },
        region: fcRegion,
        accountId: fcAccount,
      },
      logger: ['debug', 'error', 'info', 'log', 'warn'],
    })
  })

  it('is the environment of the platform and of the file, and nothing of the process that started it', async () => {
    const seen = JSON.parse((await call('environment')).text) as Record<string, string>
    expect(seen).toMatchObject({
      FC_FUNC_CODE_PATH: expect.stringMatching(/environment$/),
      FC_ACCOUNT_ID: fcAccount,
      FC_REGION: fcRegion,
      FC_FUNCTION_NAME: 'test-environment',
      FC_FUNCTION_HANDLER: 'index.handler',
      FC_FUNCTION_MEMORY_SIZE: '256',
      FC_INSTANCE_ID: expect.stringMatching(/^i-/),
      ALIBABA_CLOUD_ACCESS_KEY_ID: 'STS.x',
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'y',
      ALIBABA_CLOUD_SECURITY_TOKEN: 'z',
      MINE: 'of the file',
      LAID: 'over it',
      TZ: 'UTC',
    })
    const own = /^(FC_|ALIBABA_CLOUD_|NODE_CHANNEL_)|^(PATH|HOME|TZ|MINE|LAID|TEST_DIR)$/
    expect(Object.keys(seen).filter((name) => !own.test(name))).toEqual([])
    // nodejs20 runs on Debian 10, whose images name the version so.
    expect(seen).toHaveProperty('FC_VER_ID', 'LATEST')
  })
})

describe('what a handler returns', () => {
  it.each([
    ['buffer', Buffer.from([0, 255, 10]), 'application/octet-stream'],
    ['object', '{"a":[1]}', 'application/json'],
    ['array', '[1,2]', 'application/json'],
    ['text', 'hé', 'application/octet-stream'],
    ['json', '{"a":1}', 'application/octet-stream'],
    ['number', '7', 'application/octet-stream'],
    ['yes', 'true', 'application/octet-stream'],
    ['nil', 'null', 'application/octet-stream'],
    ['nothing', '', 'application/octet-stream'],
    ['empty', '', 'application/octet-stream'],
  ])('%s arrives as it is documented', async (name, body, type) => {
    const answer = await call('returns', name)
    expect(answer.bytes).toEqual(Buffer.from(body))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe(type)
    expect(answer.headers.get('x-fc-error-type')).toBeNull()
    expect(Number(answer.headers.get('x-fc-invocation-duration'))).toBeGreaterThanOrEqual(0)
    expect(Number(answer.headers.get('x-fc-max-memory-usage'))).toBeGreaterThan(10)
  })

  it('may be a module of index.mjs', async () => {
    expect((await call('module', '/a/b')).text).toBe('{"esm":"b"}')
  })
})

describe('a handler that fails', () => {
  it('is 200 with the type of the error, its message, class and stack', async () => {
    const answer = await call('throws')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-fc-error-type')).toBe('UnhandledInvocationError')
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(JSON.parse(answer.text)).toEqual({
      errorMessage: 'so sad',
      errorType: 'Sad',
      stackTrace: expect.arrayContaining([expect.stringMatching(/^at .*index\.js:\d/)]),
    })
  })

  it.each([
    ['throws', 'text', /only text/],
    ['throws', 'cycle', /circular/],
    [
      'throws',
      'later',
      /^Process exited unexpectedly before completing request \(duration: \d+ms, maxMemoryUsage: \d+MB\)$/,
    ],
    [
      'leaves',
      '',
      /^Process exited unexpectedly before completing request \(duration: \d+ms, maxMemoryUsage: \d+MB\)$/,
    ],
    ['absent', '', /handler/],
    ['broken', '', /Unexpected identifier/],
  ])('%s %s says why', async (name, event, reason) => {
    const answer = await call(name, event)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-fc-error-type')).toBe('UnhandledInvocationError')
    expect((JSON.parse(answer.text) as { errorMessage: string }).errorMessage).toMatch(reason)
  })

  it('that ended its process said no more than that', async () => {
    expect(Object.keys(JSON.parse((await call('leaves')).text) as object)).toEqual(['errorMessage'])
  })
})
