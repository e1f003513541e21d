import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RunId } from '../../shared/job/index.ts'
import {
  dirtyPrefixOfChunk,
  dirtyPrefixOfSlice,
  formatStagedChunk,
  jobKey,
  parseStagedChunk,
} from '../../shared/staging/keys.ts'
import { cutAtNewlines } from '../../shared/staging/write-chunks.ts'

const chunk = fc.record({
  runId: fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 24, maxLength: 24 })
    .map((hex) => RunId.parse(`r${hex}`)),
  slice: fc.integer({ min: 0, max: 9_999_999 }),
  attempt: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 12, maxLength: 12 }),
  index: fc.integer({ min: 0, max: 9_999_999 }),
})

it("a staged chunk's key is read back as it was made, and nothing else is one", () => {
  fc.assert(
    fc.property(chunk, (one) => {
      expect(parseStagedChunk(formatStagedChunk(one))).toEqual(one)
    }),
  )
  for (const key of ['', 'stage/', 'in/a.csv', 'stage/r1/000000/ab/000000.copy'])
    expect(parseStagedChunk(key)).toBeNull()
})

it('no key of ours lies under in/, where it would start a run', () => {
  fc.assert(
    fc.property(chunk, (one) => {
      const ours = [dirtyPrefixOfChunk({ runId: one.runId, ordinal: 1, part: 0 }), dirtyPrefixOfSlice(one), jobKey('x')]
      for (const key of [formatStagedChunk(one), ...ours]) expect(key.startsWith('in/')).toBe(false)
    }),
  )
})

it('COPY text is cut at newlines into pieces of the wanted size, wherever the bytes came apart', async () => {
  const text = fc
    .string({ unit: fc.constantFrom('a', 'b', '\n', '\t'), maxLength: 200 })
    .map((body) => Buffer.from(`${body}\n`))
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 17 }),
      async (bytes, targetBytes, pieceBytes) => {
        const source = async function* () {
          for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
        }
        const cut: Buffer[] = []
        for await (const piece of cutAtNewlines(source(), { targetBytes, maxRecordBytes: 201 }))
          cut.push(Buffer.from(piece))
        expect(Buffer.concat(cut).equals(bytes)).toBe(true)
        for (const piece of cut) expect(piece.at(-1)).toBe(0x0a)
        for (const piece of cut.slice(0, -1)) {
          expect(piece.length).toBeGreaterThanOrEqual(targetBytes)
          expect(piece.subarray(0, targetBytes - 1).lastIndexOf(0x0a)).toBeLessThan(targetBytes - 1)
        }
      },
    ),
  )
})
