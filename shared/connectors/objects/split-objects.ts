import type { Encoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import { matchDecision, matchNames } from '../../plan/match-names.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type {
  ArrivedObject,
  Decision,
  GatheredObject,
  PlannedSlice,
  Split,
  SplitRequest,
  WantedColumns,
} from '../contract.ts'
import { printBytes } from '../sql/split-strategy.ts'
import { type CutOne, cutEach, type RefusedObject, refusalOf } from './cut-each.ts'
import { cutGuessed } from './cut-guessed.ts'
import { cutJson } from './cut-json.ts'
import { type CutObject, cutObjects } from './cut-objects.ts'
import { cutUnscanned } from './cut-unscanned.ts'
import { evenChunkBytes } from './even-chunks.ts'
import { columnsOfFile, type FileColumns } from './file-columns.ts'
import { findObjects, matchesKey } from './find-objects.ts'
import { keysOfColumns } from './json-columns.ts'
import { type Compression, type HeadedFile, headFiles, plannedSlice, sortObjects } from './packed-files.ts'
import type { PackedFile, Unpacking } from './packed-slice.ts'
import { matchKeys } from './sample-keys.ts'

/** What of a reader's options decides which objects are read. */
export interface FindOptions {
  readonly object: readonly string[]
  readonly successOnNoObject: boolean
}

/** And how they are cut. */
export interface SplitOptions extends FindOptions {
  readonly column: FileColumns
  readonly skipHeader: boolean
  readonly compress: Compression
  readonly nullFormat?: string | null | undefined
}

export interface SplitWork {
  readonly encoding: Encoding
  /** Columns by name; null: as they lie. */
  readonly wanted: WantedColumns | null
  readonly unpacking: Unpacking
  readonly signal: AbortSignal
}

function cuttingOf(encoding: Encoding) {
  if (encoding.format === 'jsonl') return cutJson
  return encoding.format === 'csv' && encoding.multiLine === false ? cutUnscanned : cutObjects
}

/** What is loaded as one chunk is read first, as it always was: then its records are known, and an unclosed quote. */
const guessing =
  ({ guessFromBytes = Number.POSITIVE_INFINITY }: SplitRequest, encoding: Encoding, targetBytes: number) =>
  ({ size }: ObjectHead): boolean =>
    encoding.format === 'csv' && encoding.multiLine !== false && size >= guessFromBytes && size > targetBytes

/** @throws source/no-objects, source/column-missing naming the object whose header lacks a wanted column */
export async function splitObjects(
  store: ObjectStore,
  options: SplitOptions,
  want: SplitRequest,
  { encoding, wanted, unpacking, signal }: SplitWork,
): Promise<Split> {
  const objects = await findSplitObjects(store, options, want)
  const slices: PlannedSlice[] = []
  const empty: string[] = objects.filter((head) => head.size === 0).map((head) => head.key)
  const targetBytes = evenChunkBytes(
    objects.reduce((total, { size }) => total + size, 0),
    want,
  )
  const request = { encoding, headerRecords: options.skipHeader ? 1 : 0, targetBytes, signal }
  const names = wanted === null ? null : await wanted()
  const unused = new Set<string>()
  const picking = { encoding, names, column: options.column, unused }
  const refused: RefusedObject[] = []
  const add = (cut: CutObject) => {
    if (cut.ranges.length === 0) empty.push(cut.key)
    const picked = cut.ranges.length === 0 ? {} : pickedOf(cut, picking)
    for (const range of cut.ranges)
      slices.push({ slice: { ...range, ...picked }, bytes: range.end - range.start, records: range.records })
  }
  const addPacked = (files: readonly HeadedFile[]) => {
    const planned = files.flatMap(({ slice, ...file }) =>
      slice === null ? [] : [plannedSlice(slice, pickedOf(file, picking))],
    )
    for (const file of files) if (file.slice === null) empty.push(file.key)
    slices.push(...planned)
  }
  const sort = (some: readonly ObjectHead[]) => sortObjects(store, some, { ...unpacking, compress: options.compress })
  const head = (packed: readonly PackedFile[]) => gathered(headFiles(store, packed, request, unpacking))
  const cutting = cuttingOf(encoding)
  if (want.gathered === undefined) {
    const { plain, packed } = await sort(objects)
    addPacked(await head(packed))
    const isGuessed = guessing(want, encoding, targetBytes)
    for await (const cut of cutGuessed(store, plain.filter(isGuessed), request)) add(cut)
    const others = withBytes(plain).filter((object) => !isGuessed(object))
    for await (const cut of cutting(store, others, request)) add(cut)
  } else {
    const readable: ObjectHead[] = []
    for (const object of objects) {
      const refusal = await refusalOf(store, object, async () => {
        const { plain, packed } = await sort([object])
        addPacked(await head(packed))
        readable.push(...plain)
      })
      refused.push(...refusal)
    }
    for await (const cut of cutEach(store, withBytes(readable), request, cutting))
      refused.push(...(await refusalsOf(store, cut, add)))
  }
  const told =
    encoding.format === 'jsonl' ? keysDecision([...unused]) : [...nullDecision(options), ...matched(names, unused)]
  const decisions = [...decide(objects, slices, want), ...emptyDecision(empty), ...told]
  return { slices, decisions, refused }
}

interface Picking {
  readonly encoding: Encoding
  /** Columns by name; null: as they lie. */
  readonly names: readonly string[] | null
  readonly column: FileColumns
  /** Gathers what is not read, or of keys what was not found. */
  readonly unused: Set<string>
}

/** What slices of an object carry of its columns, as files differ. */
function pickedOf(
  cut: Pick<CutObject, 'key' | 'names'>,
  { encoding, names, column, unused }: Picking,
): Record<string, string> {
  const listed = columnsOfFile(column)
  if (encoding.format === 'jsonl' && (names === null || listed === null)) {
    const match = matchKeys(names ?? keysOfColumns(column), cut.names ?? [])
    if ('refusal' in match)
      throw new TransferError('source/column-missing', `${cut.key}: ${match.refusal}`, {
        key: cut.key,
        column: match.column,
      })
    for (const key of match.unseen) unused.add(key)
    return listed === null ? { keys: JSON.stringify(match.keys) } : {}
  }
  return names === null ? {} : { pick: pickOf(cut, column, names, encoding.format === 'jsonl' ? new Set() : unused) }
}

const withBytes = (objects: readonly ObjectHead[]) => objects.filter(({ size }) => size > 0)

async function gathered<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** One at most: an object may be whole and lack a column. */
async function refusalsOf(
  store: ObjectStore,
  { head, outcome }: CutOne,
  add: (cut: CutObject) => void,
): Promise<RefusedObject[]> {
  return 'error' in outcome ? [outcome] : await refusalOf(store, head, async () => add(outcome))
}

const headOf = ({ key, etag, size }: GatheredObject): ObjectHead => ({
  key,
  etag,
  size,
  lastModified: new Date(0),
  metadata: {},
})

/** Names are those of `column` where it is a list, and of the header of each object where it is `*`. */
function pickOf(
  { key, names: header }: Pick<CutObject, 'key' | 'names'>,
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
  { arrived, gathered }: Pick<SplitRequest, 'arrived' | 'gathered'>,
): Promise<ObjectHead[]> {
  if (gathered !== undefined) return gathered.map(headOf)
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
  const what = `${slices.length} slices of ${objects.length} objects`
  const size = printBytes(bytes)
  const target = printBytes(want.targetBytes)
  const cut = slices.filter(({ indivisible }) => indivisible === undefined)
  if (cut.length === 0 && slices.length > 0) return [{ what, why: `${size}, each file a slice of its own` }]
  const unread = cut.filter(({ records }) => records === null)
  if (unread.length > 0) return [{ what, why: `${size}, ${whyUnread(unread, target)}` }]
  const records = cut.reduce((sum, slice) => sum + (slice.records ?? 0), 0)
  const counted = `${records} records${cut.length < slices.length ? ' in those that are plain' : ''}`
  return [{ what, why: `${size} with ${counted}, cut behind the first record that reaches ${target}` }]
}

function whyUnread(unread: readonly PlannedSlice[], target: string): string {
  if (!unread.some(({ slice }) => slice.begins === 'guessed'))
    return `cut behind the first line that reaches ${target} without being read: no field holds a newline`
  return `cut without being read where a record seems to begin every ${target}; a slice commits once the one before it has ended there`
}

const matched = (names: readonly string[] | null, unused: ReadonlySet<string>): Decision[] =>
  names === null ? [] : [matchDecision(names, [...unused])]

/** A misspelt key is NULL in every record, so those that may be are told. */
function keysDecision(unseen: readonly string[]): Decision[] {
  if (unseen.length === 0) return []
  return [
    {
      what: `keys that may be missing: ${unseen.join(', ')}`,
      why: 'the first records of an object lack them; they are NULL there',
    },
  ]
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
