import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FcServer } from '../../../shared/local/fc/server.ts'
import { eventually, fcAccount, startTestFc } from '../../support/fc.ts'
import { tempDir } from '../../support/temp-dir.ts'

const props =
  '      triggers:\n        - triggerName: http\n          triggerType: http\n          triggerConfig:\n            methods: [GET, POST]'
const functions = {
  echo: { code: 'exports.handler = async (event) => JSON.parse(event)', props },
  answers: {
    code: `const answers = {
      plain: { statusCode: 201, headers: { 'Content-Type': 'text/css', 'X-Mine': 'a' }, body: 'made' },
      bytes: { statusCode: 200, isBase64Encoded: true, body: Buffer.from([0, 255]).toString('base64') },
      nobody: { statusCode: 204 },
      lies: { statusCode: 200, headers: { 'content-length': '3', 'Transfer-Encoding': 'chunked', Connection: 'close' }, body: 'longer than three' },
      text: 'just text', list: [1, 2], other: { a: 1 }, nothing: undefined, buffer: Buffer.from('raw'),
      status: { statusCode: 42, body: 'no status' }, header: { statusCode: 200, headers: { 'a b': 'x' }, body: '' },
      value: { statusCode: 200, headers: { 'x-a': 'line\\nbreak' }, body: '' }, number: { statusCode: 200, headers: { 'x-n': 7 }, body: 'n' },
    }
    exports.handler = async (event) => {
      const { rawPath } = JSON.parse(event)
      if (rawPath === '/throw') throw new RangeError('no answer')
      return answers[rawPath.slice(1)]
    }`,
    props,
  },
  hang: { code: 'exports.handler = () => new Promise(() => setTimeout(() => {}, 60000))', props },
  event: { code: 'exports.handler = async () => 1' },
}

let server: FcServer
beforeAll(async () => {
  server = await startTestFc(await tempDir('fc-http'), functions)
})
afterAll(() => server.close())

const url = (name: string, path: string) => `${server.httpTriggerUrl(`test-${name}`)}${path}`
const echo = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(url('echo', path), init)
  return (await response.json()) as Record<string, unknown> & { headers: Record<string, string> }
}

describe('the event of an HTTP trigger', () => {
  it('has the shape v1', async () => {
    const event = await echo('/a%20b/%E4%B8%AD?x=1&y=%E4%B8%AD&x=2&flag&q=a?b', {
      method: 'POST',
      headers: { 'content-type': 'text/plain', 'x-my-own': 'z', 'user-agent': 'test' },
      body: 'hé',
    })
    expect(event).toMatchObject({
      version: 'v1',
      rawPath: '/a%20b/%E4%B8%AD',
      body: 'hé',
      isBase64Encoded: false,
      queryParameters: { x: '1,2', y: '中', flag: '', q: 'a?b' },
      headers: { 'Content-Type': 'text/plain', 'X-My-Own': 'z' },
      requestContext: {
        accountId: fcAccount,
        domainName: expect.any(String),
        domainPrefix: fcAccount,
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        time: expect.stringMatching(/Z$/),
        timeEpoch: expect.stringMatching(/^\d{13}$/),
        http: { method: 'POST', path: '/a b/中', protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      },
    })
  })

  it.each([
    ['application/octet-stream', Buffer.from('text'), true],
    ['image/png', Buffer.from([0, 255]), true],
    ['application/json', Buffer.from('{}'), false],
    ['text/plain', Buffer.from([0xff, 0xfe]), true],
  ])('has a body of %s in base64 when it is no text', async (type, body, isBase64Encoded) => {
    const event = await echo('/', { method: 'POST', headers: { 'content-type': type }, body })
    expect(event.isBase64Encoded).toBe(isBase64Encoded)
    expect(Buffer.from(String(event.body), isBase64Encoded ? 'base64' : 'utf8')).toEqual(body)
  })

  it('has a root path when none is given', async () => {
    expect(await echo('')).toMatchObject({ rawPath: '/', queryParameters: {} })
    expect(await echo('?a=1')).toMatchObject({ rawPath: '/', queryParameters: { a: '1' } })
  })
})

describe('the answer of an HTTP trigger', () => {
  const answer = async (name: string) => {
    const response = await fetch(url('answers', `/${name}`))
    return { response, text: Buffer.from(await response.arrayBuffer()).toString('latin1') }
  }

  it('is what the response object says', async () => {
    const plain = await answer('plain')
    expect([plain.response.status, plain.text]).toEqual([201, 'made'])
    expect(plain.response.headers.get('content-type')).toBe('text/css')
    expect(plain.response.headers.get('x-mine')).toBe('a')
    expect((await answer('bytes')).text).toBe('\u0000\u00ff')
    expect((await answer('nobody')).response.status).toBe(204)
    expect((await answer('number')).response.headers.get('x-n')).toBe('7')
  })

  it('has its length from its body, whatever the function claims', async () => {
    expect((await answer('lies')).text).toBe('longer than three')
  })

  it.each([
    ['text', 'just text'],
    ['list', '[1,2]'],
    ['other', '{"a":1}'],
    ['nothing', ''],
    ['buffer', 'raw'],
  ])('is 200 with the body where %s is returned', async (name, body) => {
    const { response, text } = await answer(name)
    expect([response.status, text]).toEqual([200, body])
  })

  it('is 502 with the error where the handler threw', async () => {
    const { response, text } = await answer('throw')
    expect(response.status).toBe(502)
    expect(response.headers.get('x-fc-error-type')).toBe('UnhandledInvocationError')
    expect(JSON.parse(text)).toMatchObject({ errorMessage: 'no answer', errorType: 'RangeError' })
  })

  it.each(['status', 'header', 'value'])('is 502 where its %s cannot be sent', async (name) => {
    expect((await answer(name)).response.status).toBe(502)
    expect((await answer('plain')).response.status).toBe(201)
  })

  it('is a refusal for a function without the trigger, a method it does not name, a path that is none', async () => {
    expect(server.httpTriggerUrl('test-event')).toBeNull()
    expect((await fetch(`${server.endpoint}/http/test-event/`)).status).toBe(404)
    expect((await fetch(`${server.endpoint}/http/none/`)).status).toBe(404)
    expect((await fetch(url('echo', '/'), { method: 'DELETE' })).status).toBe(405)
    expect((await fetch(url('echo', '/%zz'))).status).toBe(400)
  })

  it('is given to anybody: a trigger that asks for a signature is refused', async () => {
    const signed = { code: '', props: props.replace('methods:', 'authType: function\n            methods:') }
    await expect(startTestFc(await tempDir('fc-http-auth'), { signed })).rejects.toMatchObject({
      code: 'platform/misconfigured',
      message: expect.stringContaining('authType'),
    })
  })

  it('is not waited for by a function whose caller hung up', async () => {
    const call = request(url('hang', '/'))
    call.on('error', () => undefined)
    call.end()
    const before = server.pids()
    await eventually(() => server.pids().some((pid) => !before.includes(pid)))
    const [pid] = server.pids().filter((one) => !before.includes(one))
    call.destroy()
    await eventually(() => pid !== undefined && !server.pids().includes(pid))
  })
})
