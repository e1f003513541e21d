import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { faultText } from '../../shared/job/fault.ts'
import { noticesOf, placeOfNotice } from '../../shared/job/notice.ts'
import { type DeliveryOptions, deliver } from '../../shared/notices/deliver.ts'
import { messageOf, type NoticeFacts, type NoticeFormat } from '../../shared/notices/message.ts'
import { answering, hangingUp, silent, startWebhook, type WebhookServer } from '../support/webhook.ts'

const facts: NoticeFacts = {
  runId: `r${'0'.repeat(24)}`,
  job: 'orders',
  state: 'failed',
  rows: { read: 3, loaded: 1, dirty: 2, filtered: 0 },
  bytes: 10,
  seconds: 1.5,
  requestedAt: '2026-11-25T00:00:00.000Z',
  finishedAt: '2026-11-25T00:00:01.500Z',
  error: { code: 'record/format', message: 'see [this](http://evil) # *now*', advice: 'Correct it.' },
}
const sentAt = new Date('2026-11-25T00:00:02.345Z')
const token = 'token-of-a-robot'

let webhook: WebhookServer
beforeAll(async () => {
  webhook = await startWebhook()
})
afterAll(() => webhook?.close())
beforeEach(() => {
  webhook.received.length = 0
  webhook.answers = []
})

const send = async (
  format: NoticeFormat,
  secret: string | null = null,
  change: Partial<DeliveryOptions> = {},
  url = webhook.url,
) => {
  const message = messageOf(format, `${url}/hook/${token}?access_token=${token}`, facts, {
    deliveryId: 'd-1',
    sentAt,
    secret,
  })
  const { signal } = new AbortController()
  return await deliver(format, message, { signal, timeoutMs: 2_000, waitsMs: [1, 1], ...change })
}

async function failure(work: Promise<unknown>): Promise<TransferError> {
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(thrown instanceof TransferError)) throw new Error(`it did not fail as it should: ${thrown}`)
  expect(JSON.stringify(thrown.report()) + thrown.stack).not.toContain(token)
  return thrown
}

describe('a notice', () => {
  it('as JSON has the facts, an id that repeats keep, and a signature over time and body', async () => {
    await send('json', 'secret')
    const [{ headers, body } = { headers: {}, body: '{}' }] = webhook.received
    expect(JSON.parse(body)).toEqual({ id: 'd-1', event: 'run.failed', run: facts })
    const timestamp = String(sentAt.getTime())
    const expected = createHmac('sha256', 'secret').update(`${timestamp}.${body}`).digest('hex')
    expect(headers).toMatchObject({
      'x-adbpg-sync-delivery': 'd-1',
      'x-adbpg-sync-timestamp': timestamp,
      'x-adbpg-sync-signature': `sha256=${expected}`,
    })
    await send('json')
    expect(webhook.received[1]?.headers).not.toHaveProperty('x-adbpg-sync-signature')
  })

  it('for DingTalk is signed in the query, keeps its token, and its text is no markup of others', async () => {
    await send('dingtalk', 'SEC1')
    const [{ path, body } = { path: '', body: '{}' }] = webhook.received
    const query = new URL(path, webhook.url).searchParams
    const sign = createHmac('sha256', 'SEC1').update(`${sentAt.getTime()}\nSEC1`).digest('base64')
    expect(Object.fromEntries(query)).toEqual({ access_token: token, timestamp: String(sentAt.getTime()), sign })
    const { msgtype, markdown } = JSON.parse(body)
    expect({ msgtype, title: markdown.title }).toEqual({ msgtype: 'markdown', title: 'adbpg-sync: orders failed' })
    expect(markdown.text).toContain('\\[this\\]')
    expect(markdown.text).not.toMatch(/[^\\]\]\(/)
  })

  it('for Feishu is signed in the body', async () => {
    await send('feishu', 'SEC2')
    const body = JSON.parse(webhook.received[0]?.body ?? '{}')
    const timestamp = String(Math.floor(sentAt.getTime() / 1000))
    expect(body).toMatchObject({
      timestamp,
      sign: createHmac('sha256', `${timestamp}\nSEC2`).digest('base64'),
      msg_type: 'text',
      content: { text: expect.stringMatching(/^adbpg-sync: orders failed\n.*3 read, 1 loaded/s) },
    })
  })
})

describe('a receiver', () => {
  it.each([
    ['answers 500 and then 200', [answering(500), answering(200)], 2],
    ['is busy twice', [answering(429), answering(503)], 3],
    ['hangs up first', [hangingUp], 2],
  ])('that %s has the notice', async (_, answers, calls) => {
    webhook.answers = answers
    await send('json')
    expect(webhook.received).toHaveLength(calls)
    expect(new Set(webhook.received.map(({ headers }) => headers['x-adbpg-sync-delivery']))).toEqual(new Set(['d-1']))
  })

  it.each([
    ['that refuses', 'json', answering(403, 'no'), 'run/notice-refused'],
    ['that sends elsewhere', 'json', answering(302, '', { location: 'http://127.0.0.1:1/' }), 'run/notice-refused'],
    [
      'of DingTalk that refuses with 200',
      'dingtalk',
      answering(200, '{"errcode":310000,"errmsg":"sign not match"}'),
      'run/notice-refused',
    ],
    [
      'of Feishu that refuses with 200',
      'feishu',
      answering(200, '{"code":19021,"msg":"sign match fail"}'),
      'run/notice-refused',
    ],
    ['of DingTalk that is no robot', 'dingtalk', answering(200, '<html>'), 'run/notice-refused'],
  ] as const)('%s is asked once', async (_, format, answer, code) => {
    webhook.answers = [answer, answer, answer]
    expect((await failure(send(format))).code).toBe(code)
    expect(webhook.received).toHaveLength(1)
  })

  it('that is down, silent or out of order is given up after all attempts, in bounded time', async () => {
    webhook.answers = [answering(500), answering(502), answering(500)]
    expect(await failure(send('json'))).toMatchObject({ code: 'platform/unavailable', context: { status: 500 } })
    expect(webhook.received).toHaveLength(3)
    webhook.answers = [silent, silent, silent]
    const since = performance.now()
    const late = await failure(send('json', null, { timeoutMs: 50 }))
    expect(late).toMatchObject({ code: 'connect/unreachable', message: expect.stringContaining('none in 50 ms') })
    expect(performance.now() - since).toBeLessThan(2_000)
    const gone = await startWebhook()
    await gone.close()
    const closed = await failure(send('json', null, {}, gone.url))
    expect(closed).toMatchObject({ code: 'connect/unreachable', message: expect.stringContaining('ECONNREFUSED') })
  })

  it('of DingTalk that asks for patience is asked again', async () => {
    webhook.answers = [answering(200, '{"errcode":130101,"errmsg":"send too fast"}')]
    await send('dingtalk')
    expect(webhook.received).toHaveLength(2)
  })

  it('that answers without end is not listened to for ever', async () => {
    webhook.answers = [(response) => void response.writeHead(200).write('x'.repeat(1_000_000))]
    await send('json')
  })
})

describe('notices of a job', () => {
  const read = (...shapes: { webhook: string; format?: NoticeFormat; secret?: string }[]) => {
    const faults: Parameters<typeof noticesOf>[2] = []
    const whole = shapes.map((shape) => ({ on: ['failed' as const], format: 'json' as const, ...shape }))
    return { notices: noticesOf(whole, ['notices'], faults), texts: faults.map(faultText) }
  }

  it('are references, or URLs without a token', () => {
    const { notices, texts } = read(
      { webhook: 'env:HOOK', format: 'dingtalk', secret: 'kms:sec#x' },
      { webhook: 'https://h.example/a' },
    )
    expect(texts).toEqual([])
    expect(notices.map(placeOfNotice)).toEqual(['env:HOOK', 'h.example'])
  })

  it.each([
    [{ webhook: `https://h/?access_token=${token}` }, /notices\[0\]\.webhook.*query/],
    [{ webhook: `https://${token}@h/` }, /where tokens stand/],
    [
      { webhook: `https://open.feishu.cn/open-apis/bot/v2/hook/${token}`, format: 'feishu' as const },
      /of feishu is a secret by itself/,
    ],
    [{ webhook: 'ftp://h/' }, /http or https/],
    [{ webhook: 'HOOK' }, /must be a reference/],
    [{ webhook: 'env:H', secret: token }, /notices\[0\]\.secret.*plain text/],
  ])('%j are refused', (shape, reason) => {
    const { texts } = read(shape)
    expect(texts).toHaveLength(1)
    expect(texts[0]).toMatch(reason)
    expect(texts[0]).not.toContain(token)
  })
})
