import type { IncomingMessage } from 'node:http'
import { FcRefusal } from './refusal.ts'

const maxSyncBytes = 32 * 1024 * 1024

/** What is over the limit is read and dropped, so that the caller comes to read the refusal. */
export async function readBody(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  try {
    for await (const piece of message as AsyncIterable<Buffer>) {
      size += piece.length
      if (size <= maxSyncBytes) pieces.push(piece)
    }
  } catch {
    throw new FcRefusal(499, 'ClientClosedRequest', 'the caller hung up before the request was whole')
  }
  if (size > maxSyncBytes) throw new FcRefusal(400, 'EntityTooLarge', `payload size exceeds ${maxSyncBytes} bytes`)
  return Buffer.concat(pieces)
}
