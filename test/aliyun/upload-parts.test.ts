import { createHash } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { verifyPart } from '../../shared/aliyun/oss-put.ts'
import { borrowParts, inParts } from '../../shared/aliyun/upload-parts.ts'
import { createCrc64 } from '../../shared/codecs/crc64.ts'
import { ossKeys, startTestOss, type TestOss } from '../support/oss.ts'
import { tempDir } from '../support/temp-dir.ts'

let oss: TestOss
beforeAll(async () => {
  oss = await startTestOss(await tempDir('upload-parts'))
  await oss.server.createBucket('bkt')
})
afterAll(() => oss.server.close())

const crcOf = (bytes: Uint8Array) => {
  const crc = createCrc64()
  crc.update(bytes)
  return crc.digest()
}

/** Each in the same memory, which the next overwrites, as a socket's are. */
async function* lent(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(Math.max(1, bytes.length))
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    const piece = bytes.subarray(at, at + size)
    at += piece.length
    memory.set(piece)
    yield memory.subarray(0, piece.length)
    memory.fill(0xee)
  }
}

it('parts are the bytes in their order, each with its sum, however the body comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(fc.nat(60), { maxLength: 20 }),
      fc.integer({ min: 1, max: 100 }),
      async (given, sizes, partBytes) => {
        const bytes = Buffer.from(given)
        const parts: Buffer[] = []
        for await (const part of inParts(lent(bytes, sizes), () => Buffer.alloc(partBytes))) {
          expect(part.crc64).toBe(crcOf(part.bytes))
          expect(part.bytes.length).toBeGreaterThan(0)
          parts.push(part.bytes)
        }
        expect(Buffer.concat(parts).equals(bytes)).toBe(true)
        expect(parts.slice(0, -1).every((part) => part.length === partBytes)).toBe(true)
      },
    ),
  )
})

it('memory is used again once it is given back, never by two, and only for parts of its size', () => {
  const [small, large] = [borrowParts(100), borrowParts(200)]
  const [first, second] = [small.take(), small.take()]
  expect(first).not.toBe(second)
  small.giveBack(first)
  expect(large.take()).not.toBe(first)
  expect(small.take()).toBe(first)
  expect(small.take()).not.toBe(first)
})

it('a part whose answer has no CRC is verified by its MD5, which an encrypted one does not have', () => {
  const bytes = Buffer.from('a part')
  const part = { bytes, crc64: crcOf(bytes) }
  const etag = `"${createHash('md5').update(bytes).digest('hex').toUpperCase()}"`
  const verify = (headers: Record<string, string>) => () => verifyPart(headers, part, 'key')
  expect(verify({ etag })).not.toThrow()
  expect(verify({ etag: '"ANOTHER"' })).toThrow(/differs/)
  expect(verify({ etag: '"ANOTHER"', 'x-oss-server-side-encryption': 'AES256' })).not.toThrow()
  const damaged = { 'x-oss-hash-crc64ecma': crcOf(Buffer.from('A part')) }
  expect(verify({ etag, ...damaged })).toThrow(/differs/)
  expect(verify({ etag: '"ANOTHER"', 'x-oss-server-side-encryption': 'AES256', ...damaged })).toThrow(/differs/)
})

/** To the local OSS; `change` sees what the client sends and may damage it. */
async function through(change: (bytes: Buffer) => void): Promise<string> {
  const { port, hostname } = new URL(oss.server.endpoint)
  const proxy = createServer((socket: Socket) => {
    const onward = connect(Number(port), hostname)
    socket.on('data', (bytes) => {
      change(bytes)
      onward.write(bytes)
    })
    socket.on('end', () => onward.end()).on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy()).pipe(socket)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}

/** A store on a line that changes a bit of the first bodies. */
async function damagingBodies(most: number) {
  let damaged = 0
  const endpoint = await through((bytes) => {
    if (damaged >= most || bytes.length < 10_000) return
    bytes.writeUInt8(bytes.readUInt8(9_000) ^ 1, 9_000)
    damaged += 1
  })
  return { store: await oss.openStore('bkt', ossKeys, endpoint), damaged: () => damaged }
}

const body = Buffer.alloc(3_000_000, 'a row of an export\n')
const pieces = async function* () {
  yield* lent(body, Array(30).fill(100_000))
}

it('a part that was damaged on its way is sent again', async () => {
  const { store, damaged } = await damagingBodies(1)
  const { uploadId, size } = await store.prepareUpload('damaged', pieces(), { partBytes: 1_000_000 })
  await store.completeUpload('damaged', uploadId)
  expect({ damaged: damaged(), size }).toEqual({ damaged: 1, size: body.length })
  expect((await store.read('damaged', body.length))?.body.equals(body)).toBe(true)
})

it('an upload whose parts are damaged again and again fails, and nothing can be seen of it', async () => {
  const { store } = await damagingBodies(Number.POSITIVE_INFINITY)
  await expect(store.prepareUpload('never', pieces(), { partBytes: 1_000_000 })).rejects.toMatchObject({
    code: 'connect/lost',
  })
  expect(await store.head('never')).toBe(null)
})

it('a single put that was damaged on its way is refused by OSS, and sent again', async () => {
  const { store, damaged } = await damagingBodies(1)
  await store.put('single', body.subarray(0, 500_000))
  expect(damaged()).toBe(1)
  expect((await store.read('single', 500_000))?.body.equals(body.subarray(0, 500_000))).toBe(true)
})
