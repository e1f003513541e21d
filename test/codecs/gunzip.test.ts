import { constants, gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gunzip } from '../../shared/codecs/gzip/gunzip.ts'
import { takeInflater } from '../../shared/codecs/gzip/open-inflater.ts'

/** Each piece is lent: it is written over when the next is asked for. */
async function* lending(bytes: Buffer, sizes: readonly number[]): AsyncIterable<Uint8Array> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const piece = Buffer.from(bytes.subarray(at, at + (sizes[turn % sizes.length] ?? 1)))
    yield piece
    at += piece.length
    piece.fill(0xee)
  }
}

async function unpack(bytes: Buffer, sizes: readonly number[] = [64 * 1024]): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of gunzip(lending(bytes, sizes))) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

type Outcome = { readonly bytes: Buffer } | { readonly fault: string }

/** What zlib makes of it: the bytes, or in which words it refuses them. */
function judged(file: Buffer): Outcome {
  try {
    return { bytes: gunzipSync(file) }
  } catch (error) {
    return { fault: `the compressed file is damaged or cut short: ${(error as Error).message}` }
  }
}

async function found(file: Buffer, sizes?: readonly number[]): Promise<Outcome> {
  try {
    return { bytes: await unpack(file, sizes) }
  } catch (error) {
    expect(error).toMatchObject({ code: 'source/corrupt' })
    return { fault: (error as Error).message }
  }
}

const rows = (count: number) =>
  Buffer.from([...Array(count).keys()].map((n) => `${n},${(n * 7919) % 50}.00,"row ${n * 104729}",AIR\n`).join(''))

/** So few of the higher bytes that their codes are as long as codes can be. */
const skewed = (seeds: readonly number[]) => Buffer.from(seeds.map((seed) => Math.clz32(seed)))

const contents = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.integer({ min: 0, max: 9000 }).map(rows),
  fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { maxLength: 3000 }).map(skewed),
  // What repeats from near by, and from as far as a match may reach.
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 70 }), fc.integer({ min: 0, max: 300 }))
    .map(([bytes, times]) => Buffer.concat(Array(times).fill(bytes))),
  fc.tuple(fc.integer({ min: 32_760, max: 32_770 }), fc.integer()).map(([distance, seed]) => {
    const far = Buffer.from(Array.from({ length: distance }, (_, at) => Math.imul(at + seed, 0x9e3779b1) >>> 24))
    return Buffer.concat([far, far, far])
  }),
)
const { Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED } = constants
const packings = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  strategy: fc.constantFrom(Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED),
  memLevel: fc.integer({ min: 1, max: 9 }),
  windowBits: fc.integer({ min: 9, max: 15 }),
})
const members = fc.array(fc.tuple(contents, packings), { minLength: 1, maxLength: 4 })
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100_000 })), {
  minLength: 1,
  maxLength: 5,
})

describe('gzip', () => {
  it('gives what zlib packed, at any level and by any strategy, in any pieces', async () => {
    await fc.assert(
      fc.asyncProperty(members, sizes, async (parts, pieces) => {
        const file = Buffer.concat(parts.map(([bytes, packing]) => gzipSync(bytes, packing)))
        expect((await unpack(file, pieces)).equals(Buffer.concat(parts.map(([bytes]) => bytes)))).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  it('is the same wherever its bytes are cut, and byte by byte', async () => {
    const texts = [rows(60), Buffer.alloc(700), Buffer.from(Array.from({ length: 90 }, (_, n) => (n * n) % 251))]
    const file = Buffer.concat([
      gzipSync(texts[0] ?? ''),
      gzipSync(texts[1] ?? ''),
      gzipSync(texts[2] ?? '', { level: 0 }),
    ])
    for (let at = 1; at < file.length; at += 1)
      expect((await unpack(file, [at, file.length])).equals(Buffer.concat(texts)), `cut at ${at}`).toBe(true)
    expect((await unpack(file, [1])).equals(Buffer.concat(texts))).toBe(true)
  })

  it('that is large is unpacked in pieces of one size, which lie in the same memory', async () => {
    const text = Buffer.concat(Array(4).fill(rows(20_000)))
    const pieces = new Set<ArrayBufferLike>()
    let largest = 0
    let at = 0
    for await (const piece of gunzip(lending(gzipSync(text), [10_007]))) {
      expect(text.subarray(at, at + piece.length).equals(piece)).toBe(true)
      at += piece.length
      largest = Math.max(largest, piece.length)
      pieces.add(piece.buffer)
    }
    expect(at).toBe(text.length)
    expect(pieces.size).toBe(1)
    expect(largest).toBeLessThanOrEqual(256 * 1024)
  })

  it('of many streams at once is unpacked for each by itself', async () => {
    const texts = Array.from({ length: 7 }, (_, n) => rows(9000 + n * 1000))
    const read = await Promise.all(texts.map((text) => unpack(gzipSync(text), [5000])))
    expect(read.every((bytes, n) => bytes.equals(texts[n] ?? Buffer.alloc(0)))).toBe(true)
  })

  it('has its header read as zlib reads it', async () => {
    const packed = gzipSync(rows(3)).subarray(10)
    const header = (flags: number, ...more: Buffer[]) =>
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3]), ...more, packed])
    const extra = Buffer.concat([Buffer.from([44, 1]), Buffer.alloc(300, 7)])
    const [name, comment] = [Buffer.from('rows.csv\0'), Buffer.from('of today\0')]
    const bare = header(2).subarray(0, 10)
    const crc = Buffer.alloc(2)
    crc.writeUInt16LE(takeCrc(bare) & 0xffff)
    const files = [
      header(1),
      header(4, extra),
      header(8, name),
      header(0x10, comment),
      header(0x1c, extra, name, comment),
      header(2, crc),
      header(2, Buffer.from([1, 2])),
      header(0x20),
      header(0x80),
    ]
    for (const file of files) for (const size of [1, 7, 1000]) expect(await found(file, [size])).toEqual(judged(file))
  })
})

const takeCrc = (bytes: Buffer) => gzipSync(bytes).readUInt32LE(gzipSync(bytes).length - 8)

/** zlib is the judge: the same bytes, or a refusal in the same words. */
describe('damaged gzip', () => {
  const dynamic = gzipSync(rows(30))
  const fixed = gzipSync('a,b\nc,d\nc,d\nc,d\n', { strategy: Z_FIXED })
  const stored = gzipSync('a,b\nc,d\n', { level: 0 })
  const huffman = gzipSync(skewed(Array.from({ length: 400 }, (_, n) => Math.imul(n, 0x9e3779b1) >>> 0)), {
    strategy: Z_HUFFMAN_ONLY,
  })
  const files = { dynamic, fixed, stored, huffman, two: Buffer.concat([fixed, stored]) }

  it.each(Object.entries(files))('is told where it is cut short anywhere: %s', async (_, file) => {
    for (let end = 0; end < file.length; end += 1)
      expect(await found(file.subarray(0, end), [5]), `cut at ${end}`).toEqual(judged(file.subarray(0, end)))
  })

  it.each(Object.entries(files))('is told for any bit that is another: %s', async (_, file) => {
    for (let bit = 0; bit < 8 * file.length; bit += 1) {
      const copy = Buffer.from(file)
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await found(copy), `bit ${bit}`).toEqual(judged(copy))
    }
  })

  it('is told for bytes of any kind behind a header, and behind a member', async () => {
    const behind = fc.tuple(fc.constantFrom(fixed.subarray(0, 10), fixed), fc.uint8Array({ maxLength: 200 }))
    // Most are refused early: a block that says of itself that it has codes goes on for longest.
    const blocks = behind.map(([begun, bytes]) =>
      Buffer.concat([begun, Buffer.from([4 | ((bytes[0] ?? 0) & 0xf8)]), bytes]),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          blocks,
          behind.map((parts) => Buffer.concat(parts)),
        ),
        async (file) => {
          expect(await found(file)).toEqual(judged(file))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('leaves what unpacks the next file as it was', async () => {
    for (const file of [dynamic.subarray(0, 60), fixed.subarray(0, 15), stored.subarray(0, 16)]) {
      expect(await found(file)).toHaveProperty('fault')
      expect((await unpack(dynamic)).equals(rows(30))).toBe(true)
    }
  })

  it('is not looked for behind zeros, which pad a file', async () => {
    const padded = Buffer.concat([fixed, Buffer.alloc(600), Buffer.from('garbage')])
    for (const size of [1, fixed.length, fixed.length + 1, 1000])
      expect(await found(padded, [size])).toEqual(judged(padded))
  })
})

it('the CRC that is used where Node has none is the same', () => {
  using inflater = takeInflater()
  const { calls, bytes, crc32 } = inflater
  const [start, whole] = [calls.input.value, rows(50)]
  bytes.set(whole, start)
  for (const length of [0, 1, 15, 16, 17, 1000, whole.length])
    for (const from of [start, start + 3]) {
      const to = start + Math.max(3, length)
      const expected = takeCrc(bytes.subarray(from, to))
      expect(crc32(0, from, to)).toBe(expected)
      expect(calls.crc32(0, from, to) >>> 0).toBe(expected)
      const half = (from + to) >> 1
      expect(calls.crc32(calls.crc32(0, from, half), half, to) >>> 0).toBe(expected)
    }
})

it('a source that fails is told as it is, and one that is left is closed', async () => {
  const file = gzipSync(rows(100_000))
  const state = { closed: 0 }
  const source = async function* (fails: boolean) {
    try {
      for (let at = 0; at < file.length; at += 100) {
        if (fails && at > 1000) throw new Error('lost')
        yield file.subarray(at, at + 100)
      }
    } finally {
      state.closed += 1
    }
  }
  await expect(async () => {
    for await (const _ of gunzip(source(true)));
  }).rejects.toThrow('lost')
  for await (const _ of gunzip(source(false))) break
  expect(state.closed).toBe(2)
})
