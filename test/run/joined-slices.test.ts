import { expect, it } from 'vitest'
import type { CsvEncoding } from '../../shared/codecs/encoding.ts'
import { batchesOf } from '../../shared/codecs/records.ts'
import type { Body, Slice } from '../../shared/connectors/contract.ts'
import type { GatheredSlice } from '../../shared/plan/gather-slices.ts'
import { joinSlices } from '../../shared/run/joined-slices.ts'

const encoding: CsvEncoding = { format: 'csv', delimiter: ',', quote: '"', escape: '"', null: '', charset: 'utf-8' }
const signal = new AbortController().signal

/** Each with a header of 3 bytes that is not a part of the slice; some do not end their last record. */
const files = ['hd\n1,a\n2,"b\nc"\n', 'hd\n3,d', 'hd\n4,e\n', 'hd\n', 'hd\n5,"f\n\ng"\n6,\n7,h']
const recordsIn = [2, 1, 1, 0, 3]

const source = {
  async read(slice: Slice): Promise<Body> {
    const { file, start, firstRecord } = slice as { file: number; start: number; firstRecord: number }
    const origin = { name: `f${file}`, start, firstRecord }
    const bytes = Buffer.from(files[file] ?? '').subarray(start)
    const body = (async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte)
    })()
    return { encoding, newline: 0x0a, maxRecordBytes: 1000, origin, body }
  },
  rest: (slice: Slice, consumed: { bytes: number; records: number }): Slice => ({
    ...slice,
    start: Number(slice.start) + consumed.bytes,
    firstRecord: Number(slice.firstRecord) + consumed.records,
  }),
}

const slices: GatheredSlice[] = files.map((text, file) => ({
  slice: { file, start: 3, firstRecord: 1 },
  bytes: text.length - 3,
  records: recordsIn[file] ?? 0,
  ending: '0a',
}))

/** What a person would be told of each record: its text, file, number and offset. */
async function placesOf(some: readonly GatheredSlice[]) {
  const joined = joinSlices(source, some, { encoding, signal })
  const body = await joined.read()
  const places: { text: string; file: string; record: number; offset: number; end: number }[] = []
  for await (const batch of batchesOf(body.body, { ...body, maxRecords: 1, maxBytes: 1 })) {
    for (const { bytes, number, offset } of batch) {
      const origin = body.originAt?.(offset)
      if (origin === undefined) throw new Error('a joined body tells its parts')
      const text = bytes.toString()
      const at = { record: origin.firstRecord + number - 1, offset: (origin.start ?? Number.NaN) + offset }
      places.push({ text: text.trimEnd(), file: origin.name, ...at, end: offset + bytes.length })
    }
  }
  return { joined, places }
}

const expected = [
  { text: '1,a', file: 'f0', record: 1, offset: 3 },
  { text: '2,"b\nc"', file: 'f0', record: 2, offset: 7 },
  { text: '3,d', file: 'f1', record: 1, offset: 3 },
  { text: '4,e', file: 'f2', record: 1, offset: 3 },
  { text: '5,"f\n\ng"', file: 'f4', record: 1, offset: 3 },
  { text: '6,', file: 'f4', record: 2, offset: 12 },
  { text: '7,h', file: 'f4', record: 3, offset: 15 },
]
const shown = ({ end: _, ...place }: (typeof expected)[number] & { end: number }) => place

it('gives every record once, each with its place in its own file', async () => {
  expect((await placesOf(slices)).places.map(shown)).toEqual(expected)
})

it('hands over what is left behind any record, however often, and places stay those of the files', async () => {
  for (let first = 1; first < expected.length; first += 1) {
    const { joined, places } = await placesOf(slices)
    const rest = joined.rest({ bytes: places[first - 1]?.end ?? 0, records: first })
    expect((await placesOf(rest)).places.map(shown)).toEqual(expected.slice(first))
    expect(rest.reduce((sum, { records }) => sum + records, 0)).toBe(expected.length - first)
    const again = await placesOf(rest)
    const second = again.joined.rest({ bytes: again.places[0]?.end ?? 0, records: 1 })
    const left = second.length === 0 ? [] : (await placesOf(second)).places.map(shown)
    expect(left).toEqual(expected.slice(first + 1))
  }
})
