import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyText } from '../../shared/codecs/encoding.ts'
import { paced, type Rate } from '../../shared/codecs/pace.ts'

interface Arrival {
  readonly atMs: number
  readonly bytes: Buffer
}

/** On a clock where nothing but waiting takes time, and every wait is late by up to `lateMs`. */
async function arrivals(
  bytes: Buffer,
  rate: Rate | ((elapsedMs: number) => Rate),
  lateMs: number,
  pieceBytes: number,
): Promise<Arrival[]> {
  let nowMs = 1_000_000
  const rateNow = async () => (typeof rate === 'function' ? rate(nowMs - 1_000_000) : rate)
  const clock = {
    nowMs: () => nowMs,
    wait: async (ms: number) => {
      nowMs += ms + lateMs
    },
  }
  async function* source() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  }
  const found: Arrival[] = []
  for await (const piece of paced({ body: source(), encoding: copyText, newline: 0x0a }, rateNow, clock))
    found.push({ atMs: nowMs, bytes: Buffer.from(piece) })
  return found
}

/** The most that came within any ten seconds. */
function mostIn10s(found: readonly Arrival[], sizeOf: (bytes: Buffer) => number): number {
  let most = 0
  let sum = 0
  let from = 0
  for (const arrival of found) {
    sum += sizeOf(arrival.bytes)
    while (arrival.atMs - (found[from]?.atMs ?? 0) > 10_000) {
      sum -= sizeOf(found[from]?.bytes ?? Buffer.alloc(0))
      from += 1
    }
    most = Math.max(most, sum)
  }
  return most
}

const newlines = (bytes: Buffer) => bytes.toString('latin1').split('\n').length - 1
const lines = (count: number, width: number) => Buffer.from(`${'x'.repeat(width - 1)}\n`.repeat(count))

describe('a body is paced', () => {
  test('and stays whole, whatever its pieces', async () => {
    const property = fc.asyncProperty(
      fc.string({ maxLength: 3000 }),
      fc.integer({ min: 1, max: 500 }),
      fc.option(fc.integer({ min: 10, max: 100_000 }), { nil: null }),
      fc.option(fc.integer({ min: 1, max: 10_000 }), { nil: null }),
      async (text, pieceBytes, bytesPerSecond, recordsPerSecond) => {
        const bytes = Buffer.from(text)
        const found = await arrivals(bytes, { bytesPerSecond, recordsPerSecond }, 3, pieceBytes)
        expect(Buffer.concat(found.map((arrival) => arrival.bytes)).equals(bytes)).toBe(true)
      },
    )
    await fc.assert(property, { numRuns: 200 })
  })

  test.each([
    ['bytes', 100_000, 50],
    ['bytes', 3_000, 40],
    ['bytes', 4_000_000, 2000],
  ])('by %s: %i a second, within 10 %% over any 10 s, and no slower than it must be', async (_what, rate, width) => {
    const bytes = lines(Math.ceil((rate * 40) / width), width)
    for (const lateMs of [0, 2, 15]) {
      const found = await arrivals(bytes, { bytesPerSecond: rate, recordsPerSecond: null }, lateMs, 64 * 1024)
      expect(mostIn10s(found, (piece) => piece.length)).toBeLessThan(10 * rate * 1.1)
      const seconds = ((found.at(-1)?.atMs ?? 0) - (found[0]?.atMs ?? 0)) / 1000
      expect(seconds).toBeGreaterThan(40 * 0.97)
      expect(seconds).toBeLessThan(40 * 1.1)
    }
  })

  test('at another rate from one piece to the next', async () => {
    const perSecond = (bytesPerSecond: number): Rate => ({ bytesPerSecond, recordsPerSecond: null })
    const bytes = lines(30_000, 50)
    const found = await arrivals(bytes, (ms) => perSecond(ms < 20_000 ? 25_000 : 100_000), 2, 64 * 1024)
    const before = found.filter(({ atMs }) => atMs - 1_000_000 < 20_000)
    const sizeOf = (some: readonly Arrival[]) => some.reduce((sum, { bytes: { length } }) => sum + length, 0)
    expect(sizeOf(before) / 20).toBeGreaterThan(25_000 * 0.97)
    expect(sizeOf(before) / 20).toBeLessThan(25_000 * 1.03)
    const seconds = ((found.at(-1)?.atMs ?? 0) - 1_000_000) / 1000
    expect(seconds).toBeGreaterThan(20 + 10 * 0.95)
    expect(seconds).toBeLessThan(20 + 10 * 1.05)
  })

  test.each([
    [50, 200],
    [1000, 20],
    [7, 3000],
  ])('by records: %i a second of %i bytes each', async (rate, width) => {
    const found = await arrivals(
      lines(rate * 40, width),
      { bytesPerSecond: null, recordsPerSecond: rate },
      1,
      64 * 1024,
    )
    expect(mostIn10s(found, newlines)).toBeLessThanOrEqual(10 * rate * 1.1)
    const seconds = ((found.at(-1)?.atMs ?? 0) - (found[0]?.atMs ?? 0)) / 1000
    expect(seconds).toBeGreaterThan(40 * 0.95)
    expect(seconds).toBeLessThan(40 * 1.1)
  })
})
