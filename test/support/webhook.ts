import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface WebhookServer {
  readonly url: string
  readonly received: Received[]
  /** Answers in turn; behind the last of them, 200. */
  answers: ((response: ServerResponse) => void)[]
  close(): Promise<void>
}

export const answering =
  (status: number, body = '', headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end(body)
export const silent = () => undefined
export const hangingUp = (response: ServerResponse) => void response.socket?.destroy()

/** A receiver of notices that behaves as it is told. */
export async function startWebhook(): Promise<WebhookServer> {
  const received: Received[] = []
  const server = createServer(async (message, response) => {
    const pieces: Buffer[] = []
    for await (const piece of message) pieces.push(piece)
    received.push({ path: message.url ?? '', headers: message.headers, body: Buffer.concat(pieces).toString('utf8') })
    const answer = webhook.answers.shift() ?? answering(200, '{"errcode":0,"code":0}')
    answer(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const webhook: WebhookServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answers: [],
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return webhook
}
