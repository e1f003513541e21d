import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createCrc64 } from '../../shared/codecs/crc64.ts'
import { createDigests } from '../../shared/codecs/digests.ts'

function digestsOf(...pieces: Uint8Array[]) {
  const digests = createDigests()
  for (const piece of pieces) digests.update(piece)
  const { md5, crc64 } = digests.digest()
  return { md5: md5.toString('hex'), crc64 }
}

/** By OpenSSL, and by the CRC that has tests of its own. */
function expectedOf(bytes: Uint8Array) {
  const crc = createCrc64()
  crc.update(bytes)
  return { md5: createHash('md5').update(bytes).digest('hex'), crc64: crc.digest() }
}

it('is the MD5 of RFC 1321 and CRC-64/XZ', () => {
  expect(digestsOf(Buffer.from('message digest')).md5).toBe('f96b697d7cb7938d525a2f31aaf161d0')
  expect(digestsOf()).toEqual({ md5: 'd41d8cd98f00b204e9800998ecf8427e', crc64: '0' })
  expect(digestsOf(Buffer.from('123456789')).crc64).toBe(0x995dc9bbdf1939fan.toString())
})

it('is right for each length around the ends of blocks', () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 260 }, (_, index) => (index * 7919) >>> 3))
  for (let length = 0; length <= bytes.length; length += 1)
    expect(digestsOf(bytes.subarray(0, length))).toEqual(expectedOf(bytes.subarray(0, length)))
})

it('does not depend on how the bytes are cut, with others digested and summed in between', () => {
  const bytes = Buffer.from(Uint8Array.from({ length: 700_001 }, (_, index) => (index * 7919) >>> 3))
  const expected = expectedOf(bytes)
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(bytes.length), fc.nat(200)), { maxLength: 8 }), (places) => {
      const [digests, other, crc] = [createDigests(), createDigests(), createCrc64()]
      const cuts = [0, ...places.sort((a, b) => a - b), bytes.length]
      for (const [index, end] of cuts.slice(1).entries()) {
        digests.update(bytes.subarray(cuts[index], end))
        other.update(bytes.subarray(end))
        crc.update(bytes.subarray(end))
      }
      const { md5, crc64 } = digests.digest()
      expect({ md5: md5.toString('hex'), crc64 }).toEqual(expected)
    }),
    { numRuns: 20 },
  )
})
