import { deflateRawSync, gzipSync } from 'node:zlib'

/** A zip file without the help of a command that not every machine has: entries deflated, every second one stored. */
export function zipOf(files: Readonly<Record<string, string | Buffer>>, { encrypted = false } = {}): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [index, [name, content]] of Object.entries(files).entries()) {
    const bytes = Buffer.from(content)
    const method = index % 2 === 0 ? 8 : 0
    const packed = method === 8 ? deflateRawSync(bytes) : bytes
    const facts = factsOf(bytes, packed, method, encrypted, name)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), facts, Buffer.from(name), packed])
    const entry = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), facts, Buffer.alloc(14), Buffer.from(name)])
    entry.writeUInt32LE(offset, 42)
    locals.push(local)
    directory.push(entry)
    offset += local.length
  }
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06')
  end.writeUInt16LE(directory.length, 8)
  end.writeUInt16LE(directory.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, ...directory, end])
}

/** What a local header and the directory have in common (APPNOTE.TXT 4.3.7): version needed up to the length of extra fields. */
function factsOf(bytes: Buffer, packed: Buffer, method: number, encrypted: boolean, name: string): Buffer {
  const facts = Buffer.alloc(26)
  facts.writeUInt16LE(20, 0)
  facts.writeUInt16LE(encrypted ? 1 : 0, 2)
  facts.writeUInt16LE(method, 4)
  // gzip carries the same checksum.
  gzipSync(bytes).copy(facts, 10, gzipSync(bytes).length - 8, gzipSync(bytes).length - 4)
  facts.writeUInt32LE(packed.length, 14)
  facts.writeUInt32LE(bytes.length, 18)
  facts.writeUInt16LE(Buffer.byteLength(name), 22)
  return facts
}
