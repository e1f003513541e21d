import { TransferError } from '../../errors/index.ts'
import { encodeCopyText } from '../copy-text.ts'
import { type ArrayKind, arrayExpansion, writeArrayLiteral } from './array-literal.ts'
import { type FoundValues, valueKinds } from './find-values.ts'
import { lineFeed, openBracket } from './scan-value.ts'
import { copyBytes, copyEscaped, putInField, writeText } from './write-text.ts'

/** What a column is made of: the value under a key, or a constant. `a.b` is the key `b` of the object under `a`. */
export type JsonField = { readonly key: string } | { readonly value: string | null }

/**
 * What a column of the destination is, as far as it decides how a value is written: `json` takes the JSON of any value,
 * arrays come in PostgreSQL's own form, everything else is a text.
 */
export type JsonColumn = 'plain' | 'json' | ArrayKind

/** @param type the full name that the destination's server prints */
export function jsonColumnOf(type: string): JsonColumn {
  const isJson = /^jsonb?(\[\])?$/.test(type)
  if (type === 'box[]') return 'box array'
  if (type.endsWith('[]')) return isJson ? 'json array' : 'array'
  return isJson ? 'json' : 'plain'
}

/** How the keys of records become columns. */
export interface KeyProjection {
  readonly keys: readonly JsonField[]
}

export interface WrittenFields {
  readonly fields: readonly JsonField[]
  /** One for each field. */
  readonly columns: readonly JsonColumn[]
}

export interface RecordWriter {
  /** The values that were found last, as a record of COPY text. @returns where it ends. @throws record/… naming the key */
  write(bytes: Buffer, out: Buffer, at: number): number
  /** Enough for a record of so many bytes. */
  roomFor(recordBytes: number): number
}

const tab = 0x09
const copyNull = Buffer.from('\\N')

export function recordWriter(
  { fields, columns }: WrittenFields,
  slotOf: ReadonlyMap<string, number>,
  { starts, ends, kinds }: FoundValues,
): RecordWriter {
  const constants = fields.map((field) => ('value' in field ? encodeCopyText([field.value]).subarray(0, -1) : null))
  const slots = Int32Array.from(fields, (field) => ('key' in field ? (slotOf.get(field.key) ?? 0) : 0))
  const takesText = Uint8Array.from(columns, (column) => (column === 'json' ? 0 : 1))
  const count = fields.length

  function writeRareValue(bytes: Buffer, column: number, out: Buffer, at: number): number {
    const slot = slots[column] as number
    const start = starts[slot] as number
    const end = ends[slot] as number
    const as = columns[column]
    if (kinds[slot] === valueKinds.nested) {
      const isArray = as !== undefined && as !== 'plain' && as !== 'json' && bytes[start] === openBracket
      if (isArray) return writeArrayLiteral(bytes, start, as, out, at)
      return copyEscaped(bytes, start, end, out, at)
    }
    // With its quotes: a text is JSON too.
    if (as === 'json') return copyEscaped(bytes, start - 1, end + 1, out, at)
    return writeText(bytes, start, end, out, at, putInField)
  }

  function writeValue(bytes: Buffer, column: number, out: Buffer, at: number): number {
    const slot = slots[column] as number
    const kind = kinds[slot] as number
    if (kind === valueKinds.none) return copyBytes(copyNull, 0, 2, out, at)
    if (kind === valueKinds.plain || (kind === valueKinds.text && takesText[column] === 1))
      return copyBytes(bytes, starts[slot] as number, ends[slot] as number, out, at)
    return writeRareValue(bytes, column, out, at)
  }

  const expansion = columns.some((column) => column.endsWith('array')) ? arrayExpansion : 2
  const constantBytes = constants.reduce((sum, constant) => sum + (constant?.length ?? 0), 0)
  const perByte = expansion * mostRepeated(fields)
  return {
    roomFor: (recordBytes) => recordBytes * perByte + constantBytes + 3 * count + 2,
    write(bytes, out, at) {
      let to = at
      let column = 0
      try {
        for (; column < count; column += 1) {
          if (column > 0) out[to++] = tab
          const constant = constants[column] as Buffer | null
          to = constant === null ? writeValue(bytes, column, out, to) : copyBytes(constant, 0, constant.length, out, to)
        }
      } catch (error) {
        throw naming(fields[column], error)
      }
      out[to] = lineFeed
      return to + 1
    },
  }
}

function naming(field: JsonField | undefined, error: unknown): unknown {
  if (!(error instanceof TransferError) || field === undefined || !('key' in field)) return error
  return new TransferError(error.code, `${field.key}: ${error.message}`, { ...error.context, column: field.key })
}

/** A key may be taken several times, each with all of its bytes. */
function mostRepeated(fields: readonly JsonField[]): number {
  const times = new Map<string, number>()
  for (const field of fields) if ('key' in field) times.set(field.key, (times.get(field.key) ?? 0) + 1)
  return Math.max(1, ...times.values())
}
