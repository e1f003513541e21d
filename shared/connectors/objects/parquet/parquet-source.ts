import { copyText, type Encoding } from '../../../codecs/encoding.ts'
import { TransferError } from '../../../errors/index.ts'
import type { ObjectStore } from '../../../ports/index.ts'
import type { Column } from '../../../schema/index.ts'
import type { Slice, Source, WantedColumns } from '../../contract.ts'
import { findSplitObjects } from '../split-objects.ts'
import { type ChosenColumn, chooseColumns, leavesOf, placesOfNames } from './chosen-columns.ts'
import { ParquetSlice } from './parquet-slice.ts'
import { fetchFooter, openFooter } from './read-footer.ts'
import { readSlice } from './read-groups.ts'
import { type SplitParquetOptions, splitParquet } from './split-parquet.ts'

export interface ParquetOptions extends SplitParquetOptions {
  readonly maxRecordBytes: number
}

const lineFeed = 0x0a

/** Parquet files as a source: a loader reads row groups, and gets COPY text. */
export function parquetIn(
  store: ObjectStore,
  options: ParquetOptions,
  signal: AbortSignal,
  wanted: WantedColumns | null,
): Source {
  const { column, maxRecordBytes } = options
  let found: Promise<readonly Column[] | null> | null = null
  return {
    columns() {
      found ??= columnsOfFirst(store, options, signal, wanted)
      return found
    },
    split: (want) => splitParquet(store, options, want, { wanted, signal }),
    offer: () => copyText,
    async read(slice, encoding, readSignal, { lent = false } = {}) {
      const range = parseSlice(slice)
      return {
        encoding: onlyText(encoding),
        newline: lineFeed,
        maxRecordBytes,
        // A record has no place of its own: its values lie in as many places as there are columns.
        origin: { name: `oss://${store.bucket}/${range.key}`, start: null, firstRecord: range.firstRecord },
        body: readSlice(store, range, column, { signal: readSignal, lent }),
      }
    },
    async describe(slice) {
      const { key, etag, size, start, end } = parseSlice(slice)
      return { object: `oss://${store.bucket}/${key}`, etag, objectBytes: size, start, end, isCompressed: false }
    },
    projection: null,
    pick: wanted === null ? (names) => parquetIn(store, options, signal, names) : null,
    // Files have an order of columns; `mapping` takes them by name.
    isNamed: false,
    // Records are only known once they are decoded, so row groups of several files stand alone.
    join: null,
    rest(slice, consumed) {
      const { skip, firstRecord, records } = parseSlice(slice)
      return {
        ...slice,
        skip: skip + consumed.records,
        firstRecord: firstRecord + consumed.records,
        records: records - consumed.records,
      }
    },
    // Row groups are read where they lie.
    guesses: null,
    first: null,
    cutSmaller: null,
    askIncrement: null,
    holdSnapshot: null,
    async [Symbol.asyncDispose]() {},
  }
}

/** Those of the first file that has a footer; null where there is none. All files of a job have the same columns. */
async function columnsOfFirst(
  store: ObjectStore,
  options: ParquetOptions,
  signal: AbortSignal,
  wanted: WantedColumns | null,
): Promise<readonly Column[] | null> {
  const objects = await findSplitObjects(store, { ...options, successOnNoObject: true }, { arrived: null })
  const first = objects.find(({ size }) => size > 0)
  if (first === undefined) return null
  const { key } = first
  let chosen: readonly ChosenColumn[] = []
  const names = wanted === null ? null : await wanted()
  openFooter(await fetchFooter(store, first, signal), first, { first: 0, count: 0 }, (columns) => {
    chosen = chooseColumns(options.column, columns, key)
    if (names !== null) chosen = chooseColumns(options.column, columns, key, placesOfNames(names, chosen, key).places)
    return leavesOf(chosen)
  })
  return chosen.map(({ name, type, nullable }) => ({ name, type, nullable }))
}

/** Records become COPY text and nothing else: `offer` says so. @throws internal/bug */
function onlyText(encoding: Encoding): Encoding {
  if (encoding.format === 'text' && encoding.delimiter === '\t' && encoding.null === '\\N') return encoding
  throw new TransferError('internal/bug', `Parquet cannot be had as ${encoding.format}`)
}

/** @throws event/invalid for a slice that no planner of ours has made */
function parseSlice(slice: Slice): ParquetSlice {
  const parsed = ParquetSlice.safeParse(slice)
  if (parsed.success) return parsed.data
  throw new TransferError('event/invalid', 'the slice is not one of Parquet files in oss', {}, { cause: parsed.error })
}
