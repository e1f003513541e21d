import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCrc64 } from '../../../shared/local/oss/crc64.ts'
import { combineCrc64 } from '../../../shared/local/oss/crc64-combine.ts'

const crcOf = (...pieces: Uint8Array[]) => {
  const crc = createCrc64()
  for (const piece of pieces) crc.update(piece)
  return crc.digest()
}

it('is CRC-64/XZ', () => {
  // The check value of the catalogue of parametrised CRC algorithms.
  expect(crcOf(Buffer.from('123456789'))).toBe(0x995dc9bbdf1939fan.toString())
  expect(crcOf()).toBe('0')
})

it('does not depend on how the bytes are cut, nor on where a piece lies in memory', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(7), (bytes, cut, shift) => {
      const shifted = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift)
      expect(crcOf(shifted.subarray(0, cut), shifted.subarray(cut))).toBe(crcOf(bytes))
    }),
  )
})

it('of two pieces follows from the CRC of each', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 5000 }), (first, second) => {
      expect(combineCrc64(crcOf(first), crcOf(second), second.length)).toBe(crcOf(first, second))
    }),
  )
})
