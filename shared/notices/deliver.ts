import { setTimeout as sleep } from 'node:timers/promises'
import { asTransferError, type ErrorCode, TransferError } from '../errors/index.ts'
import type { Message, NoticeFormat } from './message.ts'

export interface DeliveryOptions {
  readonly signal: AbortSignal
  /** Of one attempt. */
  readonly timeoutMs: number
  /** Before the second attempt, the third, … */
  readonly waitsMs: readonly number[]
}

/** A receiver that hiccups is tried again at once; one that is down for longer is tick's business. */
export const defaultDelivery = { timeoutMs: 5_000, waitsMs: [500, 2_000] } as const

/** What is read of an answer: robots answer in a hundred bytes. */
const maxAnswerBytes = 4096

/**
 * @throws run/notice-refused when the receiver will not have it, whatever is repeated; connect/unreachable or
 *   platform/unavailable when it could not be reached in all attempts. No message holds the URL, whose path or query may be a token.
 */
export async function deliver(format: NoticeFormat, message: Message, options: DeliveryOptions): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await deliverOnce(format, message, options)
    } catch (thrown) {
      const error = asTransferError(thrown)
      const waitMs = options.waitsMs[attempt]
      if (error.policy.retry === 'never' || waitMs === undefined || options.signal.aborted) throw error
      await sleep(waitMs, undefined, { signal: options.signal }).catch(() => undefined)
    }
  }
}

async function deliverOnce(
  format: NoticeFormat,
  { url, headers, body }: Message,
  options: DeliveryOptions,
): Promise<void> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  const host = new URL(url).host
  let status: number
  let answer: string
  try {
    // A redirect would carry what was signed for one receiver to another.
    const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
    status = response.status
    answer = await firstBytes(response)
  } catch (thrown) {
    throw new TransferError('connect/unreachable', `no answer from ${host}: ${reasonOf(thrown, options.timeoutMs)}`, {
      host,
    })
  }
  if (status >= 200 && status < 300) return refuseRobot(format, host, answer)
  throw new TransferError(codeOf(status), `${host} answered ${status}`, { host, status })
}

const codeOf = (status: number): ErrorCode =>
  status >= 500 || status === 429 || status === 408 ? 'platform/unavailable' : 'run/notice-refused'

/** Of the cause only its code: messages of the HTTP client may hold the URL. */
function reasonOf(thrown: unknown, timeoutMs: number): string {
  if (!(thrown instanceof Error)) return 'unknown'
  if (thrown.name === 'TimeoutError') return `none in ${timeoutMs} ms`
  const { cause } = thrown
  return cause instanceof Error && 'code' in cause ? String(cause.code) : thrown.name
}

async function firstBytes(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of response.body ?? []) {
    pieces.push(piece)
    length += piece.length
    if (length >= maxAnswerBytes) break
  }
  return Buffer.concat(pieces).subarray(0, maxAnswerBytes).toString('utf8')
}

/** Robots answer 200 whatever happened, and say in the body what did. A number that asks for patience is told apart. */
function refuseRobot(format: NoticeFormat, host: string, answer: string): void {
  if (format === 'json') return
  const { code, reason } = robotAnswer(answer)
  if (code === 0) return
  const isBusy = code === 130_101 || code === 11_232 || code === -1
  throw new TransferError(
    isBusy ? 'platform/unavailable' : 'run/notice-refused',
    `${host} answered ${code}: ${reason}`,
    { host, code },
  )
}

function robotAnswer(text: string): { code: number; reason: string } {
  try {
    const { errcode, code, errmsg, msg } = JSON.parse(text) as Readonly<Record<string, unknown>>
    const number = Number(errcode ?? code ?? Number.NaN)
    return { code: Number.isFinite(number) ? number : Number.NaN, reason: String(errmsg ?? msg ?? '').slice(0, 200) }
  } catch {
    return { code: Number.NaN, reason: 'no answer of a robot' }
  }
}
