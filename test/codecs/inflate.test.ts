import { execFileSync, spawnSync } from 'node:child_process'
import { deflateRawSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atMost, inflated, type Packing, skipBytes } from '../../shared/codecs/inflate.ts'
import { entryAsGzip } from '../../shared/codecs/unzip.ts'
import { gather } from '../contract/object-store.ts'

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const unpack = async (bytes: Buffer, packing: Packing, size = 64 * 1024) =>
  Buffer.from(await gather(inflated(inPieces(bytes, size), packing)))

const text = Buffer.from([...Array(2000).keys()].map((n) => `${n},"row ${n * 7919}"\n`).join(''))
const corrupt = { code: 'source/corrupt' }

describe('gzip', () => {
  it('is inflated whole wherever its bytes are cut, all members of it, empty ones among them', async () => {
    const members = [
      gzipSync('a,b\n'),
      gzipSync(''),
      gzipSync('c,d\n'),
      gzipSync(Buffer.alloc(0)),
      gzipSync('"e\n",f\n'),
    ]
    const file = Buffer.concat(members)
    for (let at = 1; at < file.length; at += 1) {
      const cut = async function* () {
        yield file.subarray(0, at)
        yield file.subarray(at)
      }
      expect(Buffer.from(await gather(inflated(cut(), 'gzip'))).toString()).toBe('a,b\nc,d\n"e\n",f\n')
    }
    expect((await unpack(file, 'gzip', 1)).toString()).toBe('a,b\nc,d\n"e\n",f\n')
  })

  it('gives what gzip was given, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (parts, size) => {
          const file = Buffer.concat(parts.map((part) => gzipSync(part)))
          expect(await unpack(file, 'gzip', size)).toEqual(Buffer.concat(parts))
        },
      ),
      { numRuns: 100 },
    )
  })

  it('cut short anywhere is an error, never an end', async () => {
    const file = gzipSync('a,b\nc,d\n')
    for (let end = 1; end < file.length; end += 1)
      await expect(unpack(file.subarray(0, end), 'gzip'), `cut at ${end}`).rejects.toMatchObject(corrupt)
    const two = Buffer.concat([file, gzipSync('e,f\n')])
    for (let end = file.length + 1; end < two.length; end += 1)
      await expect(unpack(two.subarray(0, end), 'gzip', 7), `cut at ${end}`).rejects.toMatchObject(corrupt)
  })

  it('with a wrong checksum, a wrong length or other bytes behind it is an error', async () => {
    const file = gzipSync(text)
    const with_ = (at: number) => {
      const copy = Buffer.from(file)
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy
    }
    await expect(unpack(with_(file.length - 8), 'gzip')).rejects.toMatchObject(corrupt)
    await expect(unpack(with_(file.length - 1), 'gzip')).rejects.toMatchObject(corrupt)
    for (const size of [1, 7, file.length, file.length + 5])
      await expect(unpack(Buffer.concat([file, Buffer.from('garbage')]), 'gzip', size)).rejects.toMatchObject(corrupt)
    await expect(unpack(text, 'gzip')).rejects.toMatchObject(corrupt)
  })
})

it('a zstd file is inflated, and one with a wrong checksum is not', async () => {
  const file = Buffer.from('KLUv/QRYQQAAYSxiCmMsZArNsIUn', 'base64')
  expect((await unpack(file, 'zstd', 3)).toString()).toBe('a,b\nc,d\n')
  file[file.length - 1] = (file.at(-1) ?? 0) ^ 1
  await expect(unpack(file, 'zstd')).rejects.toMatchObject(corrupt)
})

/** The judge of all else is the command of that name. */
describe.skipIf(spawnSync('zstd', ['--version']).status !== 0)('zstd', () => {
  const zstd = (bytes: Buffer, ...options: string[]) =>
    execFileSync('zstd', ['-q', '-c', ...options], { input: bytes, maxBuffer: 2 ** 28 })
  const large = Buffer.concat([text, Buffer.alloc(300_000, 'z'), text, text])

  it('is what the command of that name packs, at any level, with and without checksum, frames and pieces', async () => {
    for (const options of [['-1'], ['-3', '--no-check'], ['-19']]) {
      const file = Buffer.concat([zstd(large, ...options), zstd(Buffer.alloc(0), ...options), zstd(text, ...options)])
      for (const size of [1009, 1 << 20])
        expect((await unpack(file, 'zstd', size)).equals(Buffer.concat([large, text]))).toBe(true)
    }
    expect((await unpack(zstd(Buffer.from('a,b\n')), 'zstd', 1)).toString()).toBe('a,b\n')
  })

  it('leaves out what a skippable frame holds', async () => {
    const skipped = Buffer.concat([Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]), Buffer.from('abc')])
    const file = Buffer.concat([skipped, zstd(text), skipped])
    expect((await unpack(file, 'zstd', 5)).equals(text)).toBe(true)
  })

  it('cut short or damaged is an error', async () => {
    const file = zstd(Buffer.from('a,b\nc,d\n'.repeat(40)))
    for (let end = 1; end < file.length; end += 1)
      await expect(unpack(file.subarray(0, end), 'zstd'), `cut at ${end}`).rejects.toMatchObject(corrupt)
    const packed = zstd(text)
    for (let at = 12; at < packed.length; at += 211) {
      const copy = Buffer.from(packed)
      copy[at] = (copy[at] ?? 0) ^ 0x10
      await expect(unpack(copy, 'zstd'), `at ${at}`).rejects.toMatchObject(corrupt)
    }
    await expect(unpack(text, 'zstd')).rejects.toMatchObject(corrupt)
  })

  it('with a window that is too large for memory is refused', async () => {
    const file = zstd(Buffer.alloc(1000), '--long=27', '--no-content-size')
    const header = Buffer.from(file)
    header[5] = (27 - 10) << 3
    await expect(unpack(header, 'zstd')).rejects.toMatchObject({ code: 'job/unsupported' })
  })
})

describe('an entry of zip', () => {
  const crcOf = (bytes: Buffer) => gzipSync(bytes).readUInt32LE(gzipSync(bytes).length - 8)

  it('is inflated and held against what the directory says, deflated or stored', async () => {
    const big = Buffer.concat(Array(20).fill(text))
    const entry = { name: 'a', crc: crcOf(big), bytes: big.length }
    const of = (bytes: Buffer, method: 'deflate' | 'stored', told = entry) =>
      gather(inflated(entryAsGzip(inPieces(bytes, 100_000), { ...told, method }), 'gzip'))
    expect(Buffer.from(await of(deflateRawSync(big), 'deflate')).equals(big)).toBe(true)
    expect(Buffer.from(await of(big, 'stored')).equals(big)).toBe(true)
    await expect(of(big, 'stored', { ...entry, crc: 1 })).rejects.toMatchObject(corrupt)
    await expect(of(deflateRawSync(big), 'deflate', { ...entry, bytes: 5 })).rejects.toMatchObject(corrupt)
    await expect(of(deflateRawSync(big).subarray(0, 500), 'deflate')).rejects.toMatchObject(corrupt)
  })
})

it('a bomb is stopped as soon as it holds more than is allowed, and little of it was inflated', async () => {
  const file = gzipSync(Buffer.alloc(50_000_000))
  let taken = 0
  const reading = async () => {
    for await (const piece of atMost(inflated(inPieces(file, 65536), 'gzip'), 1_000_000, file.length))
      taken += piece.length
  }
  await expect(reading()).rejects.toMatchObject({ code: 'source/inflates-too-much' })
  expect(taken).toBeLessThan(2_000_000)
})

it('bytes are skipped exactly, wherever the pieces end', async () => {
  for (let count = 0; count <= 10; count += 1)
    for (const size of [1, 3, 10])
      expect(Buffer.from(await gather(skipBytes(inPieces(Buffer.from('0123456789'), size), count))).toString()).toBe(
        '0123456789'.slice(count),
      )
})
