import { TransferError } from '../../errors/index.ts'
import { viewOf } from './cells.ts'
import { readDeltas } from './delta.ts'
import { readNumbers } from './hybrid.ts'
import type { Leaf } from './schema-tree.ts'

/** Values that are there, one behind the other, as they lie in the file. */
export interface Values {
  readonly count: number
  /** Numbers, one behind the other, or texts. A boolean has four bytes. */
  readonly bytes: Buffer
  /** Of `bytes`: numbers need not stand where the processor reads them at once. */
  readonly view: DataView
  /** Texts and bytes: value i is what lies from `starts[i]` to `ends[i]`. */
  readonly starts: Int32Array
  readonly ends: Int32Array
}

/** Places in a dictionary, by value. */
export interface Places {
  readonly places: Int32Array
}

const noPlaces = new Int32Array(0)

const wordsOf: Partial<Record<Leaf['physical'], number>> = {
  BOOLEAN: 1,
  INT32: 1,
  INT64: 2,
  INT96: 3,
  FLOAT: 1,
  DOUBLE: 2,
}

/** Bytes that values of a column take in memory, beside those of the page. */
export const bytesPerValue = (leaf: Leaf): number => 4 * (wordsOf[leaf.physical] ?? 2)

const encodings = {
  plain: 0,
  plainDictionary: 2,
  rle: 3,
  deltaBinaryPacked: 5,
  deltaLengths: 6,
  deltaBytes: 7,
  dictionary: 8,
  byteStreamSplit: 9,
}

export const isDictionary = (encoding: number) =>
  encoding === encodings.plainDictionary || encoding === encodings.dictionary

/** Places of `count` values in the dictionary. @throws RangeError for one outside of it */
export function readPlaces(bytes: Buffer, count: number, dictionary: Values): Places {
  const places = new Int32Array(count)
  if (count === 0) return { places }
  const width = bytes[0]
  if (width === undefined) throw new RangeError('a page ends early')
  readNumbers(bytes, 1, width, dictionary.count, places)
  return { places }
}

/** @throws RangeError for what the encoding or the type does not allow */
export function readValues(bytes: Buffer, encoding: number, count: number, leaf: Leaf): Values {
  const words = wordsOf[leaf.physical]
  // A page that is a dictionary says so and is plain.
  if (encoding === encodings.plain || isDictionary(encoding)) return plainValues(bytes, count, leaf)
  if (encoding === encodings.rle && leaf.physical === 'BOOLEAN') return runsOfBooleans(bytes, count)
  if (encoding === encodings.deltaBinaryPacked && (leaf.physical === 'INT32' || leaf.physical === 'INT64'))
    return deltaNumbers(bytes, count, words === 2)
  if (encoding === encodings.byteStreamSplit) return splitStreams(bytes, count, leaf)
  if (words === undefined && encoding === encodings.deltaLengths) return deltaLengths(bytes, count)
  if (words === undefined && encoding === encodings.deltaBytes) return deltaBytes(bytes, count)
  const message = `column ${leaf.name} (${leaf.physical}) is in encoding ${encoding}, which is not read for it`
  throw new TransferError('job/unsupported', message, { column: leaf.name })
}

function plainValues(bytes: Buffer, count: number, leaf: Leaf): Values {
  if (leaf.physical === 'BOOLEAN') return plainBooleans(bytes, count)
  if (leaf.physical === 'BYTE_ARRAY') return plainTexts(bytes, count)
  if (leaf.physical === 'FIXED_LEN_BYTE_ARRAY') return fixedTexts(bytes, count, leaf.typeLength)
  return numbers(bytes, count, wordsOf[leaf.physical] ?? 1)
}

const ofBytes = (bytes: Buffer, starts: Int32Array, ends: Int32Array): Values => ({
  count: starts.length,
  bytes,
  view: viewOf(bytes),
  starts,
  ends,
})
const ofNumbers = (count: number, bytes: Buffer): Values => ({ ...ofBytes(bytes, noPlaces, noPlaces), count })
const ofWords = (count: number, { buffer, byteOffset, byteLength }: Int32Array): Values =>
  ofNumbers(count, Buffer.from(buffer, byteOffset, byteLength))

function numbers(bytes: Buffer, count: number, words: number): Values {
  needBytes(bytes, 4 * words * count)
  return ofNumbers(count, bytes)
}

function plainBooleans(bytes: Buffer, count: number): Values {
  needBytes(bytes, Math.ceil(count / 8))
  const words = new Int32Array(count)
  for (let index = 0; index < count; index += 1) words[index] = ((bytes[index >> 3] as number) >> (index & 7)) & 1
  return ofWords(count, words)
}

function runsOfBooleans(bytes: Buffer, count: number): Values {
  needBytes(bytes, 4)
  const words = new Int32Array(count)
  readNumbers(bytes, 4, 1, 2, words)
  return ofWords(count, words)
}

function plainTexts(bytes: Buffer, count: number): Values {
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  const last = bytes.length
  let at = 0
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > last) throw endsEarly()
    const length =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    at += 4
    if (length < 0 || length > last - at) throw endsEarly()
    starts[index] = at
    at += length
    ends[index] = at
  }
  return ofBytes(bytes, starts, ends)
}

function fixedTexts(bytes: Buffer, count: number, length: number): Values {
  needBytes(bytes, count * length)
  const starts = Int32Array.from({ length: count }, (_, index) => index * length)
  const ends = Int32Array.from({ length: count }, (_, index) => (index + 1) * length)
  return ofBytes(bytes, starts, ends)
}

function deltaNumbers(bytes: Buffer, count: number, isLong: boolean): Values {
  const deltas = readDeltas(bytes, 0, count)
  needCount(deltas.count, count)
  if (!isLong) return ofWords(count, deltas.low)
  const words = new Int32Array(2 * count)
  for (let index = 0; index < count; index += 1) {
    words[2 * index] = deltas.low[index] as number
    words[2 * index + 1] = deltas.high[index] as number
  }
  return ofWords(count, words)
}

function deltaLengths(bytes: Buffer, count: number): Values {
  const lengths = readDeltas(bytes, 0, count)
  needCount(lengths.count, count)
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let at = lengths.end
  for (let index = 0; index < count; index += 1) {
    const length = lengths.low[index] as number
    if (length < 0 || length > bytes.length - at) throw endsEarly()
    starts[index] = at
    at += length
    ends[index] = at
  }
  return ofBytes(bytes, starts, ends)
}

/** Values that begin alike are written once in the file: a page may hold far more than it says of itself. */
const maxUnfoldedBytes = 32 * 1024 * 1024

/** Each value begins as the one before it. */
function deltaBytes(bytes: Buffer, count: number): Values {
  const prefixes = readDeltas(bytes, 0, count)
  needCount(prefixes.count, count)
  const suffixes = deltaLengths(bytes.subarray(prefixes.end), count)
  let total = 0
  for (let index = 0; index < count; index += 1)
    total += (prefixes.low[index] as number) + (suffixes.ends[index] as number) - (suffixes.starts[index] as number)
  if (total > maxUnfoldedBytes) throw new RangeError(`a page of ${bytes.length} bytes holds texts of ${total} bytes`)
  const whole = Buffer.allocUnsafe(total)
  const starts = new Int32Array(count)
  const ends = new Int32Array(count)
  let at = 0
  let before = 0
  for (let index = 0; index < count; index += 1) {
    const prefix = prefixes.low[index] as number
    if (prefix < 0 || prefix > at - before) throw new RangeError('a text begins with more than there was before it')
    starts[index] = at
    whole.copy(whole, at, before, before + prefix)
    suffixes.bytes.copy(whole, at + prefix, suffixes.starts[index], suffixes.ends[index])
    before = at
    at += prefix + (suffixes.ends[index] as number) - (suffixes.starts[index] as number)
    ends[index] = at
  }
  return ofBytes(whole, starts, ends)
}

/** All first bytes, then all second ones, and so on. */
function splitStreams(bytes: Buffer, count: number, leaf: Leaf): Values {
  const length = leaf.physical === 'FIXED_LEN_BYTE_ARRAY' ? leaf.typeLength : 4 * (wordsOf[leaf.physical] ?? 0)
  if (length === 0 || leaf.physical === 'BOOLEAN' || leaf.physical === 'INT96')
    throw new RangeError(`column ${leaf.name} (${leaf.physical}) cannot be in encoding ${encodings.byteStreamSplit}`)
  needBytes(bytes, count * length)
  const joined = Buffer.allocUnsafe(count * length)
  for (let stream = 0; stream < length; stream += 1)
    for (let index = 0; index < count; index += 1)
      joined[index * length + stream] = bytes[stream * count + index] as number
  return plainValues(joined, count, leaf)
}

function needBytes(bytes: Buffer, needed: number): void {
  if (bytes.length < needed) throw endsEarly()
}

function needCount(found: number, count: number): void {
  if (found !== count) throw new RangeError(`a page of ${count} values holds ${found}`)
}

const endsEarly = () => new RangeError('a page ends early')
