import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCopyText } from '../../../shared/codecs/copy-text.ts'
import { openFlatColumn } from '../../../shared/codecs/parquet/flat-column.ts'
import { openJoiner } from '../../../shared/codecs/parquet/join-records.ts'
import type { ColumnPages, Page } from '../../../shared/codecs/parquet/pages.ts'
import { type Field, writeRows } from '../../../shared/codecs/parquet/rows.ts'
import type { Leaf } from '../../../shared/codecs/parquet/schema-tree.ts'
import { readValues } from '../../../shared/codecs/parquet/values.ts'

const leaf: Leaf = {
  index: 0,
  name: 't',
  physical: 'BYTE_ARRAY',
  typeLength: 0,
  type: { kind: 'text' },
  definition: 1,
  repetition: 0,
}

const plain = 0

/** As PLAIN lays out texts: each behind its length. */
const valuesOf = (texts: readonly string[]) => {
  const pieces = texts.flatMap((text) => {
    const bytes = Buffer.from(text)
    const length = Buffer.alloc(4)
    length.writeInt32LE(bytes.length)
    return [length, bytes]
  })
  return readValues(Buffer.concat(pieces), plain, texts.length, leaf)
}

/** @param pageSizes taken in turn @param hasDictionary by page: a chunk may leave its dictionary behind */
function pagesOf(
  texts: readonly (string | null)[],
  pageSizes: readonly number[],
  hasDictionary: readonly boolean[],
): ColumnPages {
  const known = [...new Set(texts.filter((text) => text !== null))]
  const dictionary = valuesOf(known)
  const pages: Page[] = []
  for (let at = 0; at < texts.length; ) {
    const size = pageSizes[pages.length % pageSizes.length] ?? 1
    const part = texts.slice(at, at + size)
    const there = part.filter((text) => text !== null)
    const places = Int32Array.from(there, (text) => known.indexOf(text))
    pages.push({
      count: part.length,
      definitions: there.length === part.length ? null : Uint8Array.from(part, (text) => (text === null ? 0 : 1)),
      repetitions: null,
      values: hasDictionary[pages.length % hasDictionary.length] ? { places } : valuesOf(there),
    })
    at += size
  }
  let next = 0
  return {
    dictionary: () => dictionary,
    async next(skip) {
      const page = pages[next] ?? null
      next += 1
      return page !== null && page.count <= skip ? { passed: page.count } : page
    },
  }
}

const shortText = fc.string({ unit: fc.constantFrom('a', 'é', '\t', '\n', '\r', '\\', '\0', 'N'), maxLength: 40 })
/** Around what one move takes, and around a piece. */
const longText = fc
  .tuple(fc.constantFrom(15, 16, 17, 31, 32, 33, 1000, 131_000, 262_143, 300_000), fc.constantFrom('x', '\\'))
  .map(([length, sign]) => sign.repeat(length))
const text = fc.oneof(
  { weight: 200, arbitrary: shortText },
  { weight: 40, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: longText },
)
const column = fc.record({
  /** Repeated to the length of all, so that a dictionary has something to do. */
  some: fc.array(text, { minLength: 1, maxLength: 40 }),
  pageSizes: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 4 }),
  hasDictionary: fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }),
})

test('records are those of their columns, however pages, dictionaries, nulls and long texts come together', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 5, arbitrary: column }, { weight: 1, arbitrary: text }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 1500 }),
      fc.nat(600),
      fc.boolean(),
      fc.constantFrom(0, 100, 4e6),
      async (columns, rows, skipped, lent, mostKeptBytes) => {
        const skip = Math.min(skipped, rows - 1)
        const isColumn = (one: (typeof columns)[number]) => one !== null && typeof one === 'object'
        const texts = columns.map((one) =>
          Array.from({ length: rows }, (_, row) => (isColumn(one) ? (one.some[row % one.some.length] ?? null) : one)),
        )
        const fields = columns.map((one, index): Field => {
          if (!isColumn(one)) return { constant: encodeCopyText([one]).subarray(0, -1) }
          return openFlatColumn(leaf, pagesOf(texts[index] ?? [], one.pageSizes, one.hasDictionary), mostKeptBytes)
        })
        const joiner = openJoiner(fields.length)
        const found: Buffer[] = []
        for await (const piece of writeRows(fields, { joiner, skip, rows: rows - skip, lent })) {
          expect(piece.at(-1)).toBe(0x0a)
          found.push(lent ? Buffer.from(piece) : piece)
        }
        const wanted = Array.from({ length: rows - skip }, (_, row) =>
          encodeCopyText(texts.map((column) => column[skip + row] ?? null)),
        )
        expect(Buffer.concat(found).equals(Buffer.concat(wanted))).toBe(true)
      },
    ),
    { numRuns: 60 },
  )
})

test('dictionaries that are larger together than what is kept are written all the same', async () => {
  const texts = Array.from({ length: 600 }, (_, index) => `${index} ${'y'.repeat(6000)}`)
  const fields = Array.from({ length: 6 }, () => openFlatColumn(leaf, pagesOf(texts, [600], [true]), 4e6))
  const joiner = openJoiner(fields.length)
  let row = 0
  for await (const piece of writeRows(fields, { joiner, skip: 0, rows: 600, lent: true }))
    for (const line of piece.toString().trimEnd().split('\n')) {
      expect(line === Array(6).fill(texts[row]).join('\t')).toBe(true)
      row += 1
    }
  expect(row).toBe(600)
})
