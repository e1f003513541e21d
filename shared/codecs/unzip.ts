import * as z from 'zod'

/** What the directory of a zip file says of an entry; its bytes must agree. */
export const ZipEntry = z.object({
  name: z.string(),
  method: z.enum(['deflate', 'stored']),
  crc: z.number().int(),
  bytes: z.number().int().min(0),
})
export type ZipEntry = z.infer<typeof ZipEntry>

/** RFC 1952: deflate, no name, no time. */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
/** RFC 1951: a stored block says its length in two bytes. */
const maxStoredBytes = 0xffff

/** An entry of zip as a gzip stream: the same deflate bytes and the same checksum, which is verified as they are inflated. */
export async function* entryAsGzip(source: AsyncIterable<Uint8Array>, entry: ZipEntry): AsyncIterable<Uint8Array> {
  yield gzipHeader
  if (entry.method === 'deflate') yield* source
  else yield* storedBlocks(source)
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(entry.crc >>> 0)
  trailer.writeUInt32LE(entry.bytes % 2 ** 32, 4)
  yield trailer
}

async function* storedBlocks(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const piece of source) {
    for (let at = 0; at < piece.length; at += maxStoredBytes) {
      const block = piece.subarray(at, at + maxStoredBytes)
      yield storedHeader(block.length, false)
      yield block
    }
  }
  yield storedHeader(0, true)
}

function storedHeader(bytes: number, isLast: boolean): Buffer {
  const header = Buffer.from([isLast ? 1 : 0, 0, 0, 0, 0])
  header.writeUInt16LE(bytes, 1)
  header.writeUInt16LE(0xffff - bytes, 3)
  return header
}
