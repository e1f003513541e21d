import { collectGarbage } from '../../../codecs/collect-garbage.ts'
import { type Decompress, decompressorOf } from '../../../codecs/parquet/decompress.ts'
import { openFlatColumn } from '../../../codecs/parquet/flat-column.ts'
import type { RowGroup } from '../../../codecs/parquet/footer.ts'
import { mostKeptOf, openJoiner } from '../../../codecs/parquet/join-records.ts'
import { openNestedColumn } from '../../../codecs/parquet/nested-column.ts'
import { type ColumnPages, openPages } from '../../../codecs/parquet/pages.ts'
import { type Field, writeRows } from '../../../codecs/parquet/rows.ts'
import type { Leaf } from '../../../codecs/parquet/schema-tree.ts'
import type { ObjectStore } from '../../../ports/index.ts'
import type { FileColumns } from '../file-columns.ts'
import { type ChosenColumn, chooseColumns, leavesOf } from './chosen-columns.ts'
import { fetchGroup, type GroupBytes } from './group-bytes.ts'
import { type Hold, openHeldPages } from './held-pages.ts'
import type { ParquetSlice } from './parquet-slice.ts'
import { asFileError, openFooter, readRange } from './read-footer.ts'

interface Reading {
  readonly signal: AbortSignal
  /** Each piece is valid until the next is asked for. */
  readonly lent: boolean
}

/**
 * The records of a slice as COPY text.
 * @throws source/corrupt, source/column-missing, job/unsupported
 */
export async function* readSlice(
  store: ObjectStore,
  slice: ParquetSlice,
  column: FileColumns,
  { signal: outer, lent }: Reading,
): AsyncGenerator<Buffer> {
  const stop = new AbortController()
  const signal = AbortSignal.any([outer, stop.signal])
  try {
    yield* readGroups(store, slice, column, { signal, lent })
  } catch (error) {
    throw asFileError(error, slice.key)
  } finally {
    stop.abort()
  }
}

interface OpenGroup {
  readonly group: RowGroup
  readonly bytes: Promise<GroupBytes>
}

async function* readGroups(
  store: ObjectStore,
  slice: ParquetSlice,
  column: FileColumns,
  { signal, lent }: Reading,
): AsyncGenerator<Buffer> {
  const { key, size, footerBytes, firstGroup, groups, pick } = slice
  const footer = await readRange(store, slice, size - 8 - footerBytes, size - 8, signal)
  const places = pick?.split(',').map(Number) ?? null
  const range = { first: firstGroup, count: groups }
  const opened = openFooter(footer, slice, range, (columns) => leavesOf(chooseColumns(column, columns, key, places)))
  const chosen = chooseColumns(column, opened.columns, key, places)
  const decompressors = await openDecompressors(opened.groups)
  using held = openHeldPages(collectGarbage)
  const wanted = opened.groups.slice(firstGroup, firstGroup + groups).filter((group) => group !== null)
  const joiner = openJoiner(chosen.length)
  let skip = slice.skip
  let left = slice.records
  while (wanted.length > 0 && skip >= (wanted[0]?.rows ?? 0)) skip -= wanted.shift()?.rows ?? 0
  const start = (group: RowGroup): OpenGroup => {
    const bytes = fetchGroup(store, slice, group, signal)
    bytes.catch(() => undefined)
    return { group, bytes }
  }
  let next = wanted[0] === undefined ? null : start(wanted[0])
  for (const [index, group] of wanted.entries()) {
    const bytes = await next?.bytes
    const following = wanted[index + 1]
    next = following === undefined ? null : start(following)
    if (bytes === undefined) break
    const rows = Math.min(left, group.rows - skip)
    yield* writeRows(openFields(chosen, group, bytes, decompressors, held.nextGroup()), { joiner, skip, rows, lent })
    left -= rows
    skip = 0
  }
}

async function openDecompressors(groups: readonly (RowGroup | null)[]): Promise<ReadonlyMap<number, Decompress>> {
  const codecs = new Set(groups.flatMap((group) => group?.columns.map((chunk) => chunk?.codec) ?? []))
  const opened = new Map<number, Decompress>()
  for (const codec of codecs) if (codec !== undefined) opened.set(codec, await decompressorOf(codec))
  return opened
}

function openFields(
  chosen: readonly ChosenColumn[],
  group: RowGroup,
  bytes: GroupBytes,
  decompressors: ReadonlyMap<number, Decompress>,
  held: (leaf: Leaf) => Hold,
): Field[] {
  const pagesOf = (leaf: Leaf): ColumnPages => {
    const chunk = group.columns[leaf.index]
    if (chunk === null || chunk === undefined) throw new RangeError(`the footer says nothing of column ${leaf.name}`)
    const decompress = decompressors.get(chunk.codec)
    if (decompress === undefined) throw new TypeError(`codec ${chunk.codec} was not opened`)
    return openPages({ leaf, chunk, decompress, readBytes: bytes.of(leaf.index), hold: held(leaf) })
  }
  return chosen.map(({ from }): Field => {
    if ('constant' in from) return from
    const { node, leaves } = from
    return node.kind === 'leaf'
      ? openFlatColumn(node.leaf, pagesOf(node.leaf), mostKeptOf(chosen.length))
      : openNestedColumn(node, leaves, pagesOf)
  })
}
