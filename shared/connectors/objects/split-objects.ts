import type { CsvEncoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import { matchDecision, matchNames } from '../../plan/match-names.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { ArrivedObject, Decision, PlannedSlice, Split, SplitRequest, WantedColumns } from '../contract.ts'
import { printBytes } from '../sql/split-strategy.ts'
import { type CutObject, cutObjects } from './cut-objects.ts'
import { columnsOfFile, type FileColumns } from './file-columns.ts'
import { findObjects, matchesKey } from './find-objects.ts'

/** What of a reader's options decides which objects are read. */
export interface FindOptions {
  readonly object: readonly string[]
  readonly successOnNoObject: boolean
}

/** And how they are cut. */
export interface SplitOptions extends FindOptions {
  readonly column: FileColumns
  readonly skipHeader: boolean
  readonly nullFormat?: string | null | undefined
}

export interface SplitWork {
  readonly encoding: CsvEncoding
  /** Columns by name; null: as they lie. */
  readonly wanted: WantedColumns | null
  readonly signal: AbortSignal
}

/** @throws source/no-objects, source/column-missing naming the object whose header lacks a wanted column */
export async function splitObjects(
  store: ObjectStore,
  options: SplitOptions,
  want: SplitRequest,
  { encoding, wanted, signal }: SplitWork,
): Promise<Split> {
  const objects = await findSplitObjects(store, options, want.arrived)
  const slices: PlannedSlice[] = []
  const empty: string[] = objects.filter((head) => head.size === 0).map((head) => head.key)
  const request = { encoding, headerRecords: options.skipHeader ? 1 : 0, targetBytes: want.targetBytes, signal }
  const names = wanted === null ? null : await wanted()
  const unused = new Set<string>()
  for await (const cut of cutObjects(store, objects, request)) {
    if (cut.ranges.length === 0) empty.push(cut.key)
    const pick = names === null || cut.ranges.length === 0 ? {} : { pick: pickOf(cut, options.column, names, unused) }
    for (const range of cut.ranges)
      slices.push({ slice: { ...range, ...pick }, bytes: range.end - range.start, records: range.records })
  }
  const named = names === null ? [] : [matchDecision(names, [...unused])]
  const decisions = [...decide(objects, slices, want), ...emptyDecision(empty), ...nullDecision(options), ...named]
  return { slices, decisions }
}

/** Names are those of `column` where it is a list, and of the header of each object where it is `*`. */
function pickOf(
  { key, names: header }: CutObject,
  column: FileColumns,
  wanted: readonly string[],
  unused: Set<string>,
): string {
  const names = columnsOfFile(column)?.map(({ name }) => name) ?? header
  if (names === null) {
    const message = `${key}: fields without a header have no names; set skipHeader, or list column with index and name`
    throw new TransferError('source/column-missing', message, { key, parameter: 'column' })
  }
  const match = matchNames(wanted, names)
  if ('refusal' in match)
    throw new TransferError('source/column-missing', `${key}: ${match.refusal}`, { key, column: match.column })
  for (const name of match.unused) unused.add(name)
  return match.positions.join(',')
}

/** @throws source/no-objects; source/object-missing, source/object-changed for a version that arrived */
export async function findSplitObjects(
  store: ObjectStore,
  options: FindOptions,
  arrived: ArrivedObject | null,
): Promise<ObjectHead[]> {
  try {
    const arrivedHere = arrived?.bucket === store.bucket ? arrived.key : null
    const objects = await findObjects(store, options.object, arrivedHere)
    if (arrived !== null) refuseOtherVersion(store, options.object, objects, arrived)
    return objects
  } catch (error) {
    const isNone = error instanceof TransferError && error.code === 'source/no-objects'
    if (isNone && arrived !== null) refuseOtherVersion(store, options.object, [], arrived)
    if (isNone && options.successOnNoObject) return []
    throw error
  }
}

/**
 * The run of an arrival loads the version that arrived, or nothing: the version that replaced it has a run of its own.
 * @throws source/object-changed, source/object-missing
 */
function refuseOtherVersion(
  { bucket }: ObjectStore,
  patterns: readonly string[],
  objects: readonly ObjectHead[],
  arrived: ArrivedObject,
): void {
  const { key, etag } = arrived
  if (arrived.bucket !== bucket || !patterns.some((pattern) => matchesKey(pattern, key))) return
  const head = objects.find((one) => one.key === key)
  if (head === undefined)
    throw new TransferError('source/object-missing', `oss://${bucket}/${key} was deleted after it arrived`, { key })
  if (head.etag === etag) return
  throw new TransferError('source/object-changed', `oss://${bucket}/${key} was replaced after it arrived`, { key })
}

function decide(objects: readonly ObjectHead[], slices: readonly PlannedSlice[], want: SplitRequest): Decision[] {
  const bytes = objects.reduce((sum, head) => sum + head.size, 0)
  const records = slices.reduce((sum, slice) => sum + (slice.records ?? 0), 0)
  const what = `${slices.length} slices of ${objects.length} objects`
  const size = `${printBytes(bytes)} with ${records} records`
  return [{ what, why: `${size}, cut behind the first record that reaches ${printBytes(want.targetBytes)}` }]
}

export function emptyDecision([first, ...others]: readonly string[]): Decision[] {
  if (first === undefined) return []
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return [{ what: `nothing is read of ${first}${more}`, why: 'no record is in there' }]
}

function nullDecision({ nullFormat }: SplitOptions): Decision[] {
  if (nullFormat !== undefined && nullFormat !== null) return []
  return [{ what: 'an empty field is NULL, "" is an empty text', why: 'nullFormat is not set' }]
}
