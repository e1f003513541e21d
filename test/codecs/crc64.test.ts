import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCrc64 } from '../../shared/codecs/crc64.ts'
import { combineCrc64 } from '../../shared/local/oss/crc64-combine.ts'

const crcOf = (...pieces: Uint8Array[]) => {
  const crc = createCrc64()
  for (const piece of pieces) crc.update(piece)
  return crc.digest()
}

/** By the definition, bit by bit. */
function slowCrcOf(bytes: Uint8Array): string {
  let register = 2n ** 64n - 1n
  for (const byte of bytes) {
    register ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit += 1) register = (register >> 1n) ^ (register & 1n ? 0xc96c5795d7870f42n : 0n)
  }
  return (register ^ (2n ** 64n - 1n)).toString()
}

it('is CRC-64/XZ', () => {
  // The check value of the catalogue of parametrised CRC algorithms.
  expect(crcOf(Buffer.from('123456789'))).toBe(0x995dc9bbdf1939fan.toString())
  expect(crcOf()).toBe('0')
})

it('is what its definition says', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(crcOf(bytes)).toBe(slowCrcOf(bytes))
    }),
  )
})

it('does not depend on how the bytes are cut, nor on where a piece lies in memory', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(7), (bytes, cut, shift) => {
      const shifted = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift)
      expect(crcOf(shifted.subarray(0, cut), shifted.subarray(cut))).toBe(crcOf(bytes))
    }),
  )
})

it('nor does it of pieces larger than what is summed at once, with others summed in between', () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 700_001 }, (_, index) => (index * 7919) >>> 3))
  const slow = slowCrcOf(bytes)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 8 }), (places) => {
      const [crc, other] = [createCrc64(), createCrc64()]
      const cuts = [0, ...places.sort((a, b) => a - b), bytes.length]
      for (const [index, end] of cuts.slice(1).entries()) {
        crc.update(bytes.subarray(cuts[index], end))
        other.update(bytes.subarray(end))
      }
      expect(crc.digest()).toBe(slow)
    }),
    { numRuns: 20 },
  )
})

it('of two pieces follows from the CRC of each', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 5000 }), (first, second) => {
      expect(combineCrc64(crcOf(first), crcOf(second), second.length)).toBe(crcOf(first, second))
    }),
  )
})
