import * as z from 'zod'
import { type Encoding, jsonLines } from '../../codecs/encoding.ts'
import { arrayAsLines } from '../../codecs/json-lines/array-as-lines.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectStore } from '../../ports/index.ts'
import type { Body, ConnectorContext, Slice, Source, WantedColumns } from '../contract.ts'
import { decodedCharset, encodingOf } from './csv-options.ts'
import { columnsOfFile, projectionOf } from './file-columns.ts'
import { keyProjectionOf } from './json-columns.ts'
import { ObjectSlice } from './object-slice.ts'
import { nameOfFile, PackedSlice, unpackedFrom } from './packed-slice.ts'
import type { OssReaderOptions } from './reader-options.ts'
import { splitObjects } from './split-objects.ts'

/** Objects of records: CSV and JSON. */
export function objectsIn(
  store: ObjectStore,
  options: OssReaderOptions,
  context: ConnectorContext,
  wanted: WantedColumns | null,
): Source {
  const { column, fileFormat, maxRecordBytes } = options
  const encoding: Encoding = fileFormat === 'jsonl' ? jsonLines : encodingOf(options)
  const listed = columnsOfFile(column)
  const charset = decodedCharset(options)
  const unpackingUntil = (signal: AbortSignal) => ({ charset, maxInflateRatio: options.maxInflateRatio, signal })
  return {
    async columns() {
      const names = wanted === null ? null : await wanted()
      return names === null ? listed : names.map((name) => ({ name, type: 'text', nullable: true }))
    },
    split(want) {
      const { signal } = context
      return splitObjects(store, options, want, { encoding, wanted, signal, unpacking: unpackingUntil(signal) })
    },
    offer: () => encoding,
    async read(slice, _, signal, { lent = false } = {}) {
      const range = parseSlice(slice)
      const { key, start, newline, firstRecord } = range
      const isLines = encoding.format !== 'jsonl' || newline === lineFeed
      const plainName = `oss://${store.bucket}/${key}`
      const counted = 'packing' in range ? nameOfFile(store.bucket, range, charset) : plainName
      const isCounted = 'packing' in range || range.records !== null || range.begins !== undefined
      const origin = { name: isCounted ? counted : `${plainName} from byte ${start}`, start, firstRecord }
      const how = { lent: lent && isLines }
      const body =
        'packing' in range
          ? unpackedFrom(store, range, { ...unpackingUntil(signal), ...how })
          : store.readRange(key, { ...range, signal, ...how })
      if (isLines) return { encoding, newline, maxRecordBytes, origin, body, ...overrunOf(store, range, signal) }
      return { encoding, newline: lineFeed, maxRecordBytes, origin, body: arrayAsLines(body) }
    },
    async describe(slice) {
      const range = parseSlice(slice)
      const { key, etag, size } = range
      const bounds = 'packing' in range ? { start: range.from, end: range.to } : { start: range.start, end: range.end }
      const isCompressed = 'packing' in range && range.packing !== 'stored'
      return { object: `oss://${store.bucket}/${key}`, etag, objectBytes: size, ...bounds, isCompressed }
    },
    projection:
      listed === null && wanted === null
        ? null
        : (slice) => {
            const { fields, pick, keys } = parseSlice(slice)
            const places = pick?.split(',').map(Number) ?? null
            return fileFormat === 'jsonl'
              ? keyProjectionOf(column, places, keys === undefined ? null : Keys.parse(JSON.parse(keys)))
              : projectionOf(column, fields, places)
          },
    pick: wanted === null ? (names) => objectsIn(store, options, context, names) : null,
    isNamed: fileFormat === 'jsonl' && listed === null,
    rest(slice, consumed) {
      const range = parseSlice(slice)
      const start = range.start + consumed.bytes
      const firstRecord = range.firstRecord + consumed.records
      if ('packing' in range) {
        const left = range.bytes === undefined ? {} : { bytes: range.bytes - consumed.bytes }
        return { ...slice, start, firstRecord, ...left }
      }
      if (range.begins !== undefined) return { ...slice, start, firstRecord, begins: 'known' }
      if (range.records === null) return { ...slice, start, firstRecord: 1 }
      return { ...slice, start, firstRecord, records: range.records - consumed.records }
    },
    guesses: {
      startOf(slice) {
        const range = parseSlice(slice)
        if ('packing' in range || range.begins === undefined) return null
        return { offset: range.start, firstRecord: range.firstRecord, isGuess: range.begins === 'guessed' }
      },
      begunAt: (slice, { offset, firstRecord }) => ({ ...slice, start: offset, firstRecord, begins: 'known' }),
    },
    first(slice, bytes) {
      if (!('packing' in slice)) throw new TransferError('internal/bug', 'only a packed file has a first part')
      return { ...slice, bytes }
    },
    join(slice) {
      const range = parseSlice(slice)
      if ('packing' in range || range.records === null) return null
      const { newline, crlf, fields, pick = '', keys = '' } = range
      // Without a list of columns or names, fields go as they lie, however many there are.
      const width = listed === null && wanted === null ? '' : fields
      const ending = crlf ? [0x0d, 0x0a] : [encoding.format === 'jsonl' ? lineFeed : newline]
      return { key: JSON.stringify([newline, crlf, width, pick, keys]), ending: Buffer.from(ending) }
    },
    cutSmaller: null,
    askIncrement: null,
    holdSnapshot: null,
    async [Symbol.asyncDispose]() {},
  }
}

/** A range that was cut at guesses may end within a record. */
function overrunOf(store: ObjectStore, range: ObjectSlice | PackedSlice, signal: AbortSignal): Pick<Body, 'overrun'> {
  if ('packing' in range || range.begins === undefined) return {}
  const { key, etag, start, end, size } = range
  return { overrun: () => store.readRange(key, { start: Math.max(start, end), end: size, etag, signal }) }
}

const lineFeed = 0x0a
const Keys = z.array(z.string())

/** @throws event/invalid for a slice that no planner of ours has made */
function parseSlice(slice: Slice): ObjectSlice | PackedSlice {
  const parsed = 'packing' in slice ? PackedSlice.safeParse(slice) : ObjectSlice.safeParse(slice)
  if (parsed.success) return parsed.data
  throw new TransferError('event/invalid', 'the slice is not one of oss', {}, { cause: parsed.error })
}
