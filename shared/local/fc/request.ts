import type { IncomingMessage } from 'node:http'

/** A request on its way. `hungUp` tells that nobody waits for the answer any more. */
export interface Request {
  readonly message: IncomingMessage
  readonly url: string
  readonly requestId: string
  readonly hungUp: AbortSignal
}
