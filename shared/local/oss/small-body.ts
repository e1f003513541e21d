import { createHash } from 'node:crypto'
import { OssRefusal } from './refusal.ts'
import type { OssRequest } from './request.ts'

/** 10,000 parts of an upload, or 1,000 keys of 1,023 bytes with every character escaped, take less. */
const maxSmallBody = 8 * 1024 * 1024

/** The XML that some calls carry. @throws InvalidDigest, EntityTooLarge */
export async function smallBody({ message, headers }: OssRequest): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of message.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length
    if (size > maxSmallBody)
      throw new OssRefusal(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.')
    pieces.push(piece)
  }
  const body = Buffer.concat(pieces)
  const claimed = headers['content-md5']
  if (claimed !== undefined && claimed !== createHash('md5').update(body).digest('base64')) {
    throw new OssRefusal(400, 'InvalidDigest', 'The Content-MD5 you specified did not match what we received.')
  }
  return body
}
