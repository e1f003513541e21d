import type { PhysicalType } from '../parquet/logical-type.ts'
import type { ThriftStruct } from './thrift-writer.ts'

/** How a column is written, and what its texts are. */
export interface WrittenType {
  readonly physical: PhysicalType
  /** Bytes of a FIXED_LEN_BYTE_ARRAY. */
  readonly length: number
  readonly parse:
    | {
        readonly of:
          | 'boolean'
          | 'integer'
          | 'double'
          | 'single'
          | 'text'
          | 'bytes'
          | 'uuid'
          | 'date'
          | 'time'
          | 'timestamp'
      }
    | { readonly of: 'decimal'; readonly scale: number }
  /** Both annotations, for old readers and new ones; null: the type says all. */
  readonly converted: number | null
  readonly logical: ThriftStruct | null
  readonly decimal: { readonly precision: number; readonly scale: number } | null
}

const plain = { length: 0, converted: null, logical: null, decimal: null }
const text: WrittenType = {
  ...plain,
  physical: 'BYTE_ARRAY',
  parse: { of: 'text' },
  converted: 0,
  logical: [[1, { struct: [] }]],
}
const json: WrittenType = { ...text, converted: 19, logical: [[12, { struct: [] }]] }
const micros = { struct: [[2, { struct: [] }]] } as const

const timestamp = (utc: boolean): WrittenType => ({
  ...plain,
  physical: 'INT64',
  parse: { of: 'timestamp' },
  // The older annotation means instants alone.
  converted: utc ? 10 : null,
  logical: [
    [
      8,
      {
        struct: [
          [1, { flag: utc }],
          [2, micros],
        ],
      },
    ],
  ],
})

const integer = (bits: 16 | 32 | 64): WrittenType => ({
  ...plain,
  physical: bits === 64 ? 'INT64' : 'INT32',
  parse: { of: 'integer' },
  converted: { 16: 16, 32: 17, 64: 18 }[bits],
  logical: [
    [
      10,
      {
        struct: [
          [1, { i8: bits }],
          [2, { flag: true }],
        ],
      },
    ],
  ],
})

/** By the names that `format_type` prints. */
const types: Readonly<Record<string, WrittenType>> = {
  boolean: { ...plain, physical: 'BOOLEAN', parse: { of: 'boolean' } },
  smallint: integer(16),
  integer: integer(32),
  bigint: integer(64),
  real: { ...plain, physical: 'FLOAT', parse: { of: 'single' } },
  'double precision': { ...plain, physical: 'DOUBLE', parse: { of: 'double' } },
  bytea: { ...plain, physical: 'BYTE_ARRAY', parse: { of: 'bytes' } },
  uuid: {
    ...plain,
    physical: 'FIXED_LEN_BYTE_ARRAY',
    length: 16,
    parse: { of: 'uuid' },
    logical: [[14, { struct: [] }]],
  },
  date: { ...plain, physical: 'INT32', parse: { of: 'date' }, converted: 6, logical: [[6, { struct: [] }]] },
  json,
  jsonb: json,
}

const maxPrecision = 38

/**
 * Types whose values fit one of Parquet exactly; all others are written as their texts: numeric without a precision, times
 * with a zone, intervals, arrays, and what only PostgreSQL has.
 */
export function writtenTypeOf(type: string): WrittenType {
  const known = types[type]
  if (known !== undefined) return known
  if (/^timestamp(\(\d\))? with time zone$/.test(type)) return timestamp(true)
  if (/^timestamp(\(\d\))? without time zone$/.test(type)) return timestamp(false)
  if (/^time(\(\d\))? without time zone$/.test(type))
    return {
      ...plain,
      physical: 'INT64',
      parse: { of: 'time' },
      logical: [
        [
          7,
          {
            struct: [
              [1, { flag: false }],
              [2, micros],
            ],
          },
        ],
      ],
    }
  const digits = /^numeric\((\d+),(\d+)\)$/.exec(type)
  return digits === null ? text : decimalType(Number(digits[1]), Number(digits[2]))
}

function decimalType(precision: number, scale: number): WrittenType {
  if (precision > maxPrecision || scale > precision) return text
  const physical = precision <= 9 ? 'INT32' : precision <= 18 ? 'INT64' : 'FIXED_LEN_BYTE_ARRAY'
  return {
    physical,
    length: physical === 'FIXED_LEN_BYTE_ARRAY' ? bytesOfDigits(precision) : 0,
    parse: { of: 'decimal', scale },
    converted: 5,
    logical: [
      [
        5,
        {
          struct: [
            [1, { i32: scale }],
            [2, { i32: precision }],
          ],
        },
      ],
    ],
    decimal: { precision, scale },
  }
}

/** Bytes in which every number of so many digits has room, with its sign. */
const bytesOfDigits = (digits: number) => Math.ceil((Math.log2(10) * digits + 1) / 8)
