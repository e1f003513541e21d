import { TransferError } from '../../errors/index.ts'
import { type Annotation, physicalTypes, type SchemaElement, type TimeUnit } from './logical-type.ts'
import { openThrift, type ThriftReader, thriftTrue } from './thrift.ts'

/** The values of one column in one row group: where they lie, and how. */
export interface ColumnChunk {
  readonly codec: number
  readonly values: number
  /** Of the dictionary page if there is one, else of the first data page. */
  readonly start: number
  readonly compressedBytes: number
  readonly uncompressedBytes: number
}

export interface RowGroup {
  readonly rows: number
  /** By leaf of the schema; null for leaves that were not asked for. */
  readonly columns: readonly (ColumnChunk | null)[]
  readonly compressedBytes: number
}

/** Of columns and groups that are asked for alone: a footer may have a million of chunks, with statistics of each. */
export interface Footer {
  readonly schema: readonly SchemaElement[]
  readonly rows: number
  /** By number of the group; null for those that were not asked for. */
  readonly groups: readonly (RowGroup | null)[]
}

export interface FooterRequest {
  readonly wantsGroup: (index: number) => boolean
  /** Asked once, when the schema is known. @returns numbers of leaves */
  readonly wantedLeaves: (schema: readonly SchemaElement[]) => ReadonlySet<number>
}

const encrypted = () =>
  new TransferError('job/unsupported', 'the file is encrypted, which is not read; write it without encryption')

/** Its length and the mark stand at the end of the file. */
export const tailBytes = 8

/** @returns bytes of the footer before the tail. @throws RangeError with what is wrong with the tail */
export function footerBytesOf(tail: Buffer): number {
  const mark = tail.toString('latin1', 4, 8)
  if (mark === 'PARE') throw encrypted()
  if (mark !== 'PAR1') throw new RangeError('the file does not end as Parquet does (PAR1)')
  return tail.readUInt32LE(0)
}

/** @throws RangeError for what is no footer */
export function readFooter(bytes: Buffer, request: FooterRequest): Footer {
  const thrift = openThrift(bytes, 0)
  const schema: SchemaElement[] = []
  const groups: (RowGroup | null)[] = []
  let rows = 0
  let wanted: ReadonlySet<number> | null = null
  thrift.struct((id, type) => {
    if (id === 2) thrift.list(() => void schema.push(readElement(thrift)))
    else if (id === 3) rows = thrift.integer()
    else if (id === 8) throw encrypted()
    else if (id !== 4) thrift.skip(type)
    else
      thrift.list((itemType, index) => {
        wanted ??= request.wantedLeaves(schema)
        if (request.wantsGroup(index)) groups.push(readGroup(thrift, wanted))
        else {
          thrift.skip(itemType)
          groups.push(null)
        }
      })
  })
  if (schema.length === 0) throw new RangeError('the footer has no schema')
  // A file without rows may have no groups.
  if (wanted === null) request.wantedLeaves(schema)
  return { schema, rows, groups }
}

const repetitions = ['required', 'optional', 'repeated'] as const

function readElement(thrift: ThriftReader): SchemaElement {
  const found = { physical: -1, typeLength: 0, repetition: 0, children: 0, converted: -1, scale: 0, precision: 0 }
  const numbers: Readonly<Record<number, keyof typeof found>> = {
    1: 'physical',
    2: 'typeLength',
    3: 'repetition',
    5: 'children',
    6: 'converted',
    7: 'scale',
    8: 'precision',
  }
  let name = ''
  let annotation: Annotation | null = null
  thrift.struct((id, type) => {
    const number = numbers[id]
    if (number !== undefined) found[number] = thrift.integer()
    else if (id === 4) name = thrift.text()
    else if (id === 10) annotation = readAnnotation(thrift)
    else thrift.skip(type)
  })
  return {
    ...found,
    name,
    annotation,
    physical: physicalTypes[found.physical] ?? null,
    repetition: repetitions[found.repetition] ?? 'required',
    converted: found.converted === -1 ? null : found.converted,
  }
}

const decimal = 5
const time = 7
const timestamp = 8
const integer = 10

/** A union: one field, whose number says which type it is. */
function readAnnotation(thrift: ThriftReader): Annotation {
  let id = 0
  const found = { scale: 0, precision: 0, utc: false, unit: 6 as TimeUnit, bits: 64, signed: true }
  thrift.struct((member) => {
    id = member
    thrift.struct((field, type) => {
      if (id === decimal && field <= 2) found[field === 1 ? 'scale' : 'precision'] = thrift.integer()
      else if ((id === time || id === timestamp) && field === 1) found.utc = type === thriftTrue
      else if ((id === time || id === timestamp) && field === 2) found.unit = readUnit(thrift)
      else if (id === integer && field === 1) found.bits = thrift.byte()
      else if (id === integer && field === 2) found.signed = type === thriftTrue
      else thrift.skip(type)
    })
  })
  return { id, ...found }
}

function readUnit(thrift: ThriftReader): TimeUnit {
  let unit = 2
  thrift.struct((member, type) => {
    unit = member
    thrift.skip(type)
  })
  return (unit * 3) as TimeUnit
}

function readGroup(thrift: ThriftReader, wanted: ReadonlySet<number>): RowGroup {
  const columns: (ColumnChunk | null)[] = []
  let rows = 0
  let compressedBytes = 0
  thrift.struct((id, type) => {
    if (id === 3) rows = thrift.integer()
    else if (id !== 1) thrift.skip(type)
    else
      thrift.list((itemType, index) => {
        if (wanted.has(index)) {
          const chunk = readChunk(thrift)
          compressedBytes += chunk.compressedBytes
          columns.push(chunk)
        } else {
          thrift.skip(itemType)
          columns.push(null)
        }
      })
  })
  return { rows, columns, compressedBytes }
}

function readChunk(thrift: ThriftReader): ColumnChunk {
  const found = { codec: 0, values: 0, uncompressedBytes: 0, compressedBytes: 0, dataPage: 0, dictionaryPage: 0 }
  const numbers: Readonly<Record<number, keyof typeof found>> = {
    4: 'codec',
    5: 'values',
    6: 'uncompressedBytes',
    7: 'compressedBytes',
    9: 'dataPage',
    11: 'dictionaryPage',
  }
  let isHere = false
  thrift.struct((id, type) => {
    if (id === 1) throw new RangeError('a column lies in another file')
    if (id === 8) throw encrypted()
    if (id !== 3) return thrift.skip(type)
    isHere = true
    thrift.struct((field, fieldType) => {
      const number = numbers[field]
      if (number === undefined) thrift.skip(fieldType)
      else found[number] = thrift.integer()
    })
  })
  if (!isHere) throw new RangeError('the footer does not say where a column lies')
  const { codec, values, uncompressedBytes, compressedBytes, dataPage, dictionaryPage } = found
  // Some writers give an offset of a dictionary that is not there as 0.
  const start = dictionaryPage > 0 && dictionaryPage < dataPage ? dictionaryPage : dataPage
  return { codec, values, start, compressedBytes, uncompressedBytes }
}
