import type { IncomingMessage } from 'node:http'
import { FcRefusal } from './refusal.ts'

const maxSyncBytes = 32 * 1024 * 1024

export async function readBody(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of message as AsyncIterable<Buffer>) {
    size += piece.length
    if (size <= maxSyncBytes) pieces.push(piece)
  }
  if (size > maxSyncBytes) throw new FcRefusal(400, 'EntityTooLarge', `payload size exceeds ${maxSyncBytes} bytes`)
  return Buffer.concat(pieces)
}
