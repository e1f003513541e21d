import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCopyText } from '../../../shared/codecs/copy-text.ts'
import { viewOf } from '../../../shared/codecs/parquet/cells.ts'
import { type CopyOutput, openOutput, writeText } from '../../../shared/codecs/parquet/copy-output.ts'
import { readLevels, readNumbers } from '../../../shared/codecs/parquet/hybrid.ts'
import { writeDecimal, writeInteger } from '../../../shared/codecs/parquet/write-number.ts'

const written = (write: (out: CopyOutput) => void) => {
  const out = openOutput(1)
  write(out)
  return out.bytes.toString('utf8', 0, out.at)
}

/** As many of each length as of any other. */
const whole = fc
  .tuple(fc.integer({ min: 0, max: 53 }), fc.maxSafeNat(), fc.boolean())
  .map(([bits, value, isNegative]) => (value % 2 ** bits) * (isNegative ? -1 : 1) + 0)

test('whole numbers have their digits, and decimals their point', () => {
  fc.assert(
    fc.property(whole, fc.integer({ min: 0, max: 20 }), (value, scale) => {
      expect(written((out) => writeInteger(value, out))).toBe(String(value))
      const digits = String(Math.abs(value)).padStart(scale + 1, '0')
      const point = digits.length - scale
      const wanted = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
      expect(written((out) => writeDecimal(value, scale, out))).toBe(value < 0 ? `-${wanted}` : wanted)
    }),
    { numRuns: 2000 },
  )
  for (let power = 0; power <= 15; power += 1)
    for (const value of [10 ** power - 1, 10 ** power, 10 ** power + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1])
      expect(written((out) => writeInteger(-value, out))).toBe(String(-value))
})

test('texts are escaped wherever a sign that needs it stands, and other bytes are left as they are', () => {
  const unit = fc.constantFrom('a', 'b', 'é', '💾', '\x7f', '\x1f', '\t', '\n', '\r', '\\', '[', ']', '\x01', '\0')
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), fc.nat(7), (text, before) => {
      const bytes = Buffer.concat([Buffer.alloc(before, '\\'), Buffer.from(text)])
      const found = written((out) => writeText(bytes, viewOf(bytes), before, bytes.length, out))
      expect(found).toBe(encodeCopyText([text]).subarray(0, -1).toString())
    }),
    { numRuns: 2000 },
  )
})

const run = fc.oneof(
  fc.record({ value: fc.maxSafeNat(), count: fc.integer({ min: 1, max: 300 }) }),
  fc.record({ values: fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 70 }) }),
)

/** RLE and packed runs as Encodings.md has them; the last packed bytes that no value needs are left out. */
function encoded(runs: readonly (typeof run extends fc.Arbitrary<infer Run> ? Run : never)[], width: number) {
  const bytes: number[] = []
  const values: number[] = []
  const cut = (value: number) => value % 2 ** width
  const head = (number: number) => {
    for (let rest = number; ; rest = Math.floor(rest / 128)) {
      if (rest < 128) return bytes.push(rest)
      bytes.push(128 + (rest % 128))
    }
  }
  for (const [index, one] of runs.entries()) {
    if ('value' in one) {
      head(2 * one.count)
      for (let shift = 0; shift < width; shift += 8) bytes.push(Math.floor(cut(one.value) / 2 ** shift) % 256)
      values.push(...Array(one.count).fill(cut(one.value)))
      continue
    }
    const isLast = index === runs.length - 1
    const groups = Math.ceil(one.values.length / 8)
    const padded = isLast ? one.values : Array.from({ length: 8 * groups }, (_, at) => one.values[at] ?? 0)
    head(2 * groups + 1)
    const bits = padded
      .map((value) =>
        cut(value)
          .toString(2)
          .padStart(width, '0')
          .slice(-width || Infinity),
      )
      .reverse()
      .join('')
    const length = Math.ceil(bits.length / 8)
    const filled = bits.padStart(8 * length, '0')
    for (let at = length; at > 0; at -= 1) bytes.push(Number.parseInt(filled.slice(8 * at - 8, 8 * at), 2))
    values.push(...padded.map(cut))
  }
  return { bytes: Buffer.from(bytes), values }
}

test('numbers of any width come out of runs as they went in, and one beyond the limit is refused', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 32 }), fc.array(run, { minLength: 1, maxLength: 8 }), (width, runs) => {
      const { bytes, values } = encoded(runs, width)
      const read = (limit: number) => {
        const into = new Int32Array(values.length)
        readNumbers(Buffer.concat([Buffer.of(0xff), bytes]), 1, width, limit, into)
        return Array.from(into, (value) => value >>> 0)
      }
      expect(read(2 ** 32)).toEqual(values)
      expect(() => read(Math.max(...values))).toThrow(RangeError)
    }),
    { numRuns: 500 },
  )
})

test('levels come out of runs with the number of those that are the highest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(run, { minLength: 1, maxLength: 8 }), (width, runs) => {
      const { bytes, values } = encoded(runs, width)
      const highest = 2 ** width - 1
      const found = readLevels(bytes, values.length, highest)
      expect(Array.from(found.levels)).toEqual(values)
      expect(found.full).toBe(values.filter((value) => value === highest).length)
      if (bytes.length > 1) expect(() => readLevels(bytes, values.length + 9, highest)).toThrow(RangeError)
    }),
    { numRuns: 500 },
  )
})
