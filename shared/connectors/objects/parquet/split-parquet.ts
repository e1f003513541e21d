import { decompressorOf } from '../../../codecs/parquet/decompress.ts'
import type { ColumnChunk, RowGroup } from '../../../codecs/parquet/footer.ts'
import { readPageHeader } from '../../../codecs/parquet/page-header.ts'
import { bytesOfPage } from '../../../codecs/parquet/pages.ts'
import type { Leaf } from '../../../codecs/parquet/schema-tree.ts'
import { matchDecision } from '../../../plan/match-names.ts'
import type { ObjectHead, ObjectStore } from '../../../ports/index.ts'
import type { Decision, PlannedSlice, Split, SplitRequest, WantedColumns } from '../../contract.ts'
import { printBytes } from '../../sql/split-strategy.ts'
import { type RefusedObject, refusalOf } from '../cut-each.ts'
import type { FileColumns } from '../file-columns.ts'
import { emptyDecision, type FindOptions, findSplitObjects } from '../split-objects.ts'
import { type ChosenColumn, chooseColumns, leavesOf, placesOfNames } from './chosen-columns.ts'
import { maxHeldBytes, tooLargePages } from './held-pages.ts'
import type { ParquetSlice } from './parquet-slice.ts'
import { asFileError, fetchFooter, openFooter, readRange } from './read-footer.ts'

export interface SplitParquetOptions extends FindOptions {
  readonly column: FileColumns
}

/** As a text a value is seldom shorter than this, however small its place in a dictionary is. */
const leastTextBytes = 6

interface FoundGroup {
  readonly index: number
  readonly group: RowGroup
  /** A guess at its COPY text. */
  readonly textBytes: number
}

interface FoundFile {
  readonly head: ObjectHead
  readonly footerBytes: number
  readonly groups: readonly FoundGroup[]
  readonly pick: string | undefined
}

/**
 * Of each file only the footer is read. Row groups are the slices: small ones are joined, none is cut.
 * @throws source/corrupt, source/column-missing, job/unsupported for pages that are too large to be held in memory
 */
export async function splitParquet(
  store: ObjectStore,
  options: SplitParquetOptions,
  want: SplitRequest,
  { wanted, signal }: { readonly wanted: WantedColumns | null; readonly signal: AbortSignal },
): Promise<Split> {
  const objects = await findSplitObjects(store, options, want)
  const names = wanted === null ? null : await wanted()
  const unused = new Set<string>()
  const files: FoundFile[] = []
  const empty = objects.filter((head) => head.size === 0).map(({ key }) => key)
  const refused: RefusedObject[] = []
  const add = async (head: ObjectHead) => {
    const file = await lookAt(store, head, options.column, names, unused, signal)
    if (file.groups.length === 0) empty.push(head.key)
    else files.push(file)
  }
  for (const head of objects.filter(({ size }) => size > 0)) {
    if (want.gathered === undefined) await add(head)
    else refused.push(...(await refusalOf(store, head, () => add(head))))
  }
  const textBytes = files.flatMap(({ groups }) => groups).reduce((sum, group) => sum + group.textBytes, 0)
  // Loaders that would have nothing to do are worth a smaller slice, but not one whose overhead is seen. And as row groups stay
  // whole, slices of half the size even out: of 1 GB in three of them, two loaders had 17.4 s in the place of 14.3.
  const target = Math.min(want.targetBytes / 2, Math.max(minSliceBytes, textBytes / want.concurrent))
  const slices = files.flatMap((file) => slicesOf(file, target))
  const named = names === null ? [] : [matchDecision(names, [...unused])]
  return { slices, decisions: [decide(files, slices, textBytes, target), ...emptyDecision(empty), ...named], refused }
}

const minSliceBytes = 8 * 1024 * 1024

async function lookAt(
  store: ObjectStore,
  head: ObjectHead,
  column: FileColumns,
  names: readonly string[] | null,
  unused: Set<string>,
  signal: AbortSignal,
): Promise<FoundFile> {
  const { key } = head
  const footer = await fetchFooter(store, head, signal)
  let chosen: readonly ChosenColumn[] = []
  let pick: string | undefined
  const opened = openFooter(footer, head, null, (columns) => {
    chosen = chooseColumns(column, columns, key)
    if (names !== null) {
      const match = placesOfNames(names, chosen, key)
      for (const name of match.unused) unused.add(name)
      pick = match.places.join(',')
      chosen = chooseColumns(column, columns, key, match.places)
    }
    return leavesOf(chosen)
  })
  const leaves = chosen.flatMap(({ from }) => ('constant' in from ? [] : from.leaves))
  try {
    await refuseUnread(opened.groups)
    await refuseLargePages(store, head, leaves, opened.groups, signal)
  } catch (error) {
    throw asFileError(error, key)
  }
  const groups = opened.groups.flatMap((group, index): FoundGroup[] =>
    group === null || group.rows === 0 ? [] : [{ index, group, textBytes: textBytesOf(group, leaves) }],
  )
  return { head, footerBytes: footer.length, groups, pick }
}

const chunksOf = (group: RowGroup): readonly ColumnChunk[] => group.columns.filter((chunk) => chunk !== null)

function textBytesOf(group: RowGroup, leaves: readonly Leaf[]): number {
  const stored = chunksOf(group).reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0)
  return Math.max(stored, group.rows * leaves.length * leastTextBytes)
}

/** So that a codec which is not read fails the plan. @throws job/unsupported */
async function refuseUnread(groups: readonly (RowGroup | null)[]): Promise<void> {
  for (const codec of new Set(
    groups.flatMap((group) => (group === null ? [] : chunksOf(group).map((chunk) => chunk.codec))),
  ))
    await decompressorOf(codec)
}

/** Headers are this long and longer; statistics of long texts stand in them. */
const probeBytes = 64 * 1024

/**
 * Of the largest group that may not fit, the first pages say whether it does: pages of a column are much alike.
 * @throws job/unsupported with the numbers, before anything is loaded
 */
async function refuseLargePages(
  store: ObjectStore,
  head: ObjectHead,
  leaves: readonly Leaf[],
  groups: readonly (RowGroup | null)[],
  signal: AbortSignal,
): Promise<void> {
  const sizeOf = (group: RowGroup) => chunksOf(group).reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0)
  const largest = groups.filter((group) => group !== null).sort((a, b) => sizeOf(b) - sizeOf(a))[0]
  // In memory values may take twice what they take in a page.
  if (largest === undefined || 3 * sizeOf(largest) <= maxHeldBytes) return
  let total = 0
  for (const leaf of leaves) {
    const chunk = largest.columns[leaf.index]
    if (chunk === null || chunk === undefined) continue
    const own = await firstPagesOf(store, head, chunk, leaf, signal)
    total += own
    if (total > maxHeldBytes) throw tooLargePages(leaf.name, own, total)
  }
}

/** Bytes in memory of a chunk's dictionary, where it has one, and of its first page. */
async function firstPagesOf(
  store: ObjectStore,
  head: ObjectHead,
  chunk: ColumnChunk,
  leaf: Leaf,
  signal: AbortSignal,
): Promise<number> {
  let total = 0
  for (let offset = 0; offset < chunk.compressedBytes; ) {
    const start = chunk.start + offset
    const end = Math.min(chunk.start + chunk.compressedBytes, start + probeBytes, head.size)
    const header = readPageHeader(await readRange(store, head, start, end, signal))
    total += bytesOfPage(header, leaf)
    if (header.kind !== 'dictionary') break
    offset += header.headerBytes + header.compressedBytes
  }
  return total
}

function slicesOf({ head, footerBytes, groups, pick }: FoundFile, target: number): PlannedSlice[] {
  const { key, etag, size } = head
  const slices: PlannedSlice[] = []
  let joined: FoundGroup[] = []
  let joinedBytes = 0
  let firstRecord = 1
  const close = () => {
    const [first] = joined
    if (first === undefined) return
    const last = joined.at(-1) ?? first
    const records = joined.reduce((sum, { group }) => sum + group.rows, 0)
    const [start, end] = extentOf(joined)
    const slice: PlannedSlice['slice'] = {
      format: 'parquet' satisfies ParquetSlice['format'],
      ...{ key, etag, size, footerBytes, skip: 0, firstRecord, records, start, end },
      firstGroup: first.index,
      groups: last.index - first.index + 1,
      ...(pick === undefined ? {} : { pick }),
    }
    slices.push({ slice, bytes: null, records })
    firstRecord += records
    joined = []
    joinedBytes = 0
  }
  for (const group of groups) {
    if (joinedBytes > 0 && joinedBytes + group.textBytes > target) close()
    joined.push(group)
    joinedBytes += group.textBytes
  }
  close()
  return slices
}

function extentOf(groups: readonly FoundGroup[]): [number, number] {
  const chunks = groups.flatMap(({ group }) => chunksOf(group))
  if (chunks.length === 0) return [0, 0]
  return [
    Math.min(...chunks.map(({ start }) => start)),
    Math.max(...chunks.map(({ start, compressedBytes }) => start + compressedBytes)),
  ]
}

function decide(
  files: readonly FoundFile[],
  slices: readonly PlannedSlice[],
  textBytes: number,
  target: number,
): Decision {
  const groups = files.flatMap((file) => file.groups)
  const records = slices.reduce((sum, slice) => sum + (slice.records ?? 0), 0)
  const stored = groups.reduce((sum, { group }) => sum + group.compressedBytes, 0)
  const what = `${slices.length} slices of ${groups.length} row groups in ${files.length} files`
  const size = `the wanted columns have ${printBytes(stored)} with ${records} records, about ${printBytes(textBytes)} as text`
  return { what, why: `${size}; row groups are joined up to ${printBytes(target)}` }
}
