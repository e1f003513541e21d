import { createHmac } from 'node:crypto'

/** What a notice tells: facts and the words of our errors, never a value of a row. */
export interface NoticeFacts {
  readonly runId: string
  readonly job: string
  readonly state: 'succeeded' | 'failed' | 'stopped'
  readonly rows: { readonly read: number; readonly loaded: number; readonly dirty: number; readonly filtered: number }
  readonly bytes: number
  readonly seconds: number
  readonly requestedAt: string
  readonly finishedAt: string | null
  readonly error: { readonly code: string; readonly message: string; readonly advice: string } | null
}

export interface Envelope {
  /** Tells a delivery from its repeat: a receiver that has seen it may pass it over. */
  readonly deliveryId: string
  readonly sentAt: Date
  /** null: not signed. */
  readonly secret: string | null
}

/** A request that is ready to go. */
export interface Message {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export type NoticeFormat = 'json' | 'dingtalk' | 'feishu'

export function messageOf(format: NoticeFormat, url: string, facts: NoticeFacts, envelope: Envelope): Message {
  const forms = { json: jsonMessage, dingtalk: dingtalkMessage, feishu: feishuMessage }
  const { headers, ...message } = forms[format](url, facts, envelope)
  return { ...message, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } }
}

/** Signed over time and body, so that neither can be changed nor an old one be sent again for long. */
function jsonMessage(url: string, facts: NoticeFacts, { deliveryId, sentAt, secret }: Envelope): Message {
  const timestamp = String(sentAt.getTime())
  const body = JSON.stringify({ id: deliveryId, event: `run.${facts.state}`, run: facts })
  const headers = { 'x-adbpg-sync-delivery': deliveryId, 'x-adbpg-sync-timestamp': timestamp }
  if (secret === null) return { url, headers, body }
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')
  return { url, headers: { ...headers, 'x-adbpg-sync-signature': `sha256=${signature}` }, body }
}

/** A custom robot of DingTalk: the signature is the HMAC of `timestamp\nsecret` under the secret, in the query. */
function dingtalkMessage(url: string, facts: NoticeFacts, { sentAt, secret }: Envelope): Message {
  const body = JSON.stringify({ msgtype: 'markdown', markdown: { title: titleOf(facts), text: markdownOf(facts) } })
  if (secret === null) return { url, headers: {}, body }
  const timestamp = String(sentAt.getTime())
  const sign = createHmac('sha256', secret).update(`${timestamp}\n${secret}`).digest('base64')
  const signed = new URL(url)
  signed.searchParams.set('timestamp', timestamp)
  signed.searchParams.set('sign', sign)
  return { url: signed.href, headers: {}, body }
}

/** A custom robot of Feishu: seconds, and the HMAC of nothing under `timestamp\nsecret`, in the body. */
function feishuMessage(url: string, facts: NoticeFacts, { sentAt, secret }: Envelope): Message {
  const content = { msg_type: 'text', content: { text: [titleOf(facts), ...linesOf(facts)].join('\n') } }
  if (secret === null) return { url, headers: {}, body: JSON.stringify(content) }
  const timestamp = String(Math.floor(sentAt.getTime() / 1000))
  const sign = createHmac('sha256', `${timestamp}\n${secret}`).digest('base64')
  return { url, headers: {}, body: JSON.stringify({ timestamp, sign, ...content }) }
}

/** Holds the name of the product, which robots that ask for a keyword can be given. */
const titleOf = ({ job, state }: NoticeFacts) => `adbpg-sync: ${job} ${state}`

function linesOf({ runId, rows, seconds, requestedAt, error }: NoticeFacts): string[] {
  const counts = `${rows.read} read, ${rows.loaded} loaded, ${rows.dirty} dirty, ${rows.filtered} filtered`
  const lines = [`run ${runId}`, `requested ${requestedAt}, took ${seconds.toFixed(0)} s`, counts]
  return error === null ? lines : [...lines, `${error.code}: ${error.message}`, `next: ${error.advice}`]
}

/** What comes from elsewhere, such as a message of a server, must not become a heading or a link. */
const plain = (text: string) => text.replaceAll(/[\\`*_{}[\]()#+!|<>~]/g, '\\$&').replaceAll('\n', ' ')

const markdownOf = (facts: NoticeFacts) =>
  [`### ${plain(titleOf(facts))}`, ...linesOf(facts).map((line) => `- ${plain(line)}`)].join('\n')
