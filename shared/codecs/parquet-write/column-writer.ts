import { TransferError } from '../../errors/index.ts'
import { type CopyOutput, makeRoom, openOutput } from '../parquet/copy-output.ts'
import { openFieldDictionary } from './field-dictionary.ts'
import { fits, writeHighFirst, writeWhole } from './growing.ts'
import { fieldParser, type ParsedField } from './parse-field.ts'
import type { WrittenType } from './written-type.ts'

/** Where a page ends: records, values that are there, and bytes of these. */
export interface PageCut {
  readonly records: number
  readonly values: number
  readonly bytes: number
}

/** One column of the row group that is being gathered. */
export interface ColumnWriter {
  readonly type: WrittenType
  readonly name: string
  /** Takes a field of COPY text. @throws record/format for what is no value of the type */
  add(bytes: Buffer, start: number, end: number): void
  addNull(): void
  /** Bytes that are held. */
  held(): number
  /** What was gathered. */
  gathered(): Gathered
  /** Begins the next row group. */
  clear(): void
}

export interface Gathered {
  readonly cuts: readonly PageCut[]
  /** By record: 1 where there is a value. */
  readonly levels: Uint8Array
  /** Values as PLAIN has them; booleans one byte each. Of a dictionary, each value once. */
  readonly values: Buffer
  /** Places in the dictionary by value; null where values stand for themselves. */
  readonly places: Int32Array | null
  readonly dictionaryValues: number
}

/** Pages of about this size need little memory of a reader. */
const pageBytes = 1024 * 1024
const pageRecords = 20_000
/** A dictionary is given up where it does not pay: beyond this size, or where most values are new. */
const maxDictionaryBytes = 256 * 1024
const trialValues = 4096

export function openColumnWriter(name: string, type: WrittenType): ColumnWriter {
  const append = appender(name, type)
  const values: CopyOutput = openOutput(4096)
  let levels = new Uint8Array(4096)
  let places = new Int32Array(4096)
  let [records, count] = [0, 0]
  let cuts: PageCut[] = []
  const dictionary = openFieldDictionary()
  let usesDictionary = hasDictionary(type)
  /** Where the values of the dictionary end. */
  let valueEnds = new Uint32Array(1024)
  let pageStart: PageCut = { records: 0, values: 0, bytes: 0 }

  function level(value: 0 | 1): void {
    if (records === levels.length) levels = grown(levels, new Uint8Array(2 * records))
    levels[records] = value
    records += 1
    if (records - pageStart.records >= pageRecords || (!usesDictionary && values.at - pageStart.bytes >= pageBytes))
      cut()
  }

  function cut(): void {
    pageStart = { records, values: count, bytes: values.at }
    cuts.push(pageStart)
  }

  function addPlace(bytes: Buffer, start: number, end: number): void {
    let place = dictionary.find(bytes, start, end)
    if (place === -1) {
      append(bytes, start, end, values)
      place = dictionary.add(bytes, start, end)
      if (place === valueEnds.length) valueEnds = grown(valueEnds, new Uint32Array(2 * place))
      valueEnds[place] = values.at
    }
    if (count === places.length) places = grown(places, new Int32Array(2 * count))
    places[count] = place
    count += 1
    const isUseless = values.at > maxDictionaryBytes || (count === trialValues && dictionary.size() > trialValues / 2)
    if (isUseless) expand()
  }

  /** From places back to values, once, when the dictionary turns out not to pay. */
  function expand(): void {
    usesDictionary = false
    const known = Buffer.from(values.bytes.subarray(0, values.at))
    const firsts = cuts
    let next = 0
    values.at = 0
    cuts = []
    const passCuts = (passed: number) => {
      for (let cut = firsts[next]; cut !== undefined && cut.values <= passed; cut = firsts[next]) {
        cuts.push({ ...cut, bytes: values.at })
        next += 1
      }
    }
    passCuts(0)
    for (let index = 0; index < count; index += 1) {
      const place = places[index] as number
      const [from, to] = [place === 0 ? 0 : (valueEnds[place - 1] as number), valueEnds[place] as number]
      makeRoom(values, to - from)
      values.at += known.copy(values.bytes, values.at, from, to)
      passCuts(index + 1)
    }
    pageStart = cuts.at(-1) ?? { records: 0, values: 0, bytes: 0 }
  }

  return {
    type,
    name,
    add(bytes, start, end) {
      if (usesDictionary) addPlace(bytes, start, end)
      else {
        append(bytes, start, end, values)
        count += 1
      }
      level(1)
    },
    addNull: () => level(0),
    held: () => values.at + records + 4 * (usesDictionary ? count : 0),
    gathered() {
      if (pageStart.records < records) cut()
      const held = { cuts, levels: levels.subarray(0, records), values: values.bytes.subarray(0, values.at) }
      if (!usesDictionary) return { ...held, places: null, dictionaryValues: 0 }
      return { ...held, places: places.subarray(0, count), dictionaryValues: dictionary.size() }
    },
    clear() {
      values.at = 0
      records = 0
      count = 0
      cuts = []
      pageStart = { records: 0, values: 0, bytes: 0 }
      dictionary.clear()
      usesDictionary = hasDictionary(type)
    },
  }
}

/** Values that come again are mostly texts and small numbers; of the others the places would be larger than the values. */
const hasDictionary = ({ parse }: WrittenType) => parse.of !== 'boolean' && parse.of !== 'bytes' && parse.of !== 'uuid'

function grown<A extends Uint8Array | Int32Array | Uint32Array>(from: A, to: A): A {
  to.set(from)
  return to
}

type Append = (bytes: Buffer, start: number, end: number, values: CopyOutput) => void

function appender(name: string, type: WrittenType): Append {
  const { of } = type.parse
  if (of === 'text')
    return (bytes, start, end, values) =>
      withLength(values, 2 * (end - start), () => unescapeInto(bytes, start, end, values))
  if (of === 'bytes' || of === 'uuid') return hexAppender(name, of, type.length)
  const parse = fieldParser(type.parse)
  const into: ParsedField = { number: 0, big: null }
  const write = numberWriter(type)
  return (bytes, start, end, values) => {
    if (!parse(bytes, start, end, into) || !write(values, into)) throw notOf(name, type)
  }
}

/** @returns false for a number that has no room */
function numberWriter({ physical, length }: WrittenType): (values: CopyOutput, field: ParsedField) => boolean {
  const room = physical === 'INT32' ? 4 : physical === 'INT64' ? 8 : length
  return (values, field) => {
    makeRoom(values, 16)
    if (physical === 'BOOLEAN') values.bytes[values.at++] = field.number
    else if (physical === 'FLOAT') values.at = values.bytes.writeFloatLE(field.number, values.at)
    else if (physical === 'DOUBLE') values.at = values.bytes.writeDoubleLE(field.number, values.at)
    else if (!fits(field, room)) return false
    else if (physical === 'FIXED_LEN_BYTE_ARRAY') writeHighFirst(values, field, length)
    else writeWhole(values, field, physical === 'INT32' ? 4 : 8)
    return true
  }
}

function withLength(values: CopyOutput, room: number, write: () => void): void {
  makeRoom(values, room + 4)
  const begin = values.at
  values.at += 4
  write()
  values.bytes.writeUInt32LE(values.at - begin - 4, begin)
}

const backslash = 0x5c
const meanings: Readonly<Record<number, number>> = { 98: 8, 102: 12, 110: 10, 114: 13, 116: 9, 118: 11 }

/** PostgreSQL, COPY, Text Format: what stands behind a backslash, where it is no letter of these, stands for itself. */
function unescapeInto(bytes: Buffer, start: number, end: number, values: CopyOutput): void {
  let from = start
  for (let at = bytes.indexOf(backslash, start); at !== -1 && at < end - 1; at = bytes.indexOf(backslash, from)) {
    values.at += bytes.copy(values.bytes, values.at, from, at)
    const sign = bytes[at + 1] as number
    values.bytes[values.at++] = meanings[sign] ?? sign
    from = at + 2
    if (from >= end) break
  }
  if (from < end) values.at += bytes.copy(values.bytes, values.at, from, end)
}

/** `\\x00ff` of bytea, its backslash doubled by COPY, and the digits of a uuid. */
function hexAppender(name: string, of: 'bytes' | 'uuid', length: number): Append {
  return (bytes, start, end, values) => {
    const text = bytes.toString('latin1', start, end)
    const digits = of === 'uuid' ? text.replaceAll('-', '') : text.slice(3)
    const isSound = of === 'uuid' ? digits.length === 2 * length : text.startsWith('\\\\x')
    const write = () => {
      values.at += values.bytes.write(digits, values.at, 'hex')
    }
    if (!isSound || !/^([0-9a-f]{2})*$/i.test(digits))
      throw new TransferError('record/format', `column ${name}: a value is no ${of}`, { column: name })
    makeRoom(values, digits.length)
    if (of === 'uuid') write()
    else withLength(values, digits.length, write)
  }
}

function notOf(name: string, { parse }: WrittenType): TransferError {
  const hint = parse.of === 'date' || parse.of === 'timestamp' ? ' (infinity has no place in it)' : ''
  const message = `column ${name}: a value is no ${parse.of} that Parquet holds${hint}; cast the column to text in a querySql of the reader`
  return new TransferError('record/format', message, { column: name })
}
