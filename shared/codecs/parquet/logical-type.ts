/** How values lie in a file (parquet.thrift, Type). */
export const physicalTypes = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
] as const
export type PhysicalType = (typeof physicalTypes)[number]

/** Digits behind the second. */
export type TimeUnit = 3 | 6 | 9

/** What values mean. */
export type LogicalType =
  | {
      readonly kind: 'boolean' | 'half' | 'float' | 'double' | 'text' | 'json' | 'bytes' | 'uuid' | 'date' | 'interval'
    }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  /** `utc`: an instant, told in UTC; otherwise what a clock on a wall shows. */
  | { readonly kind: 'time' | 'timestamp'; readonly unit: TimeUnit; readonly utc: boolean }
  /** Nanoseconds and a Julian day, as Impala, Hive and Spark wrote timestamps before there was a type for them. */
  | { readonly kind: 'int96' }

/** An element of the footer's schema, with its annotations as they stand there. */
export interface SchemaElement {
  readonly name: string
  readonly physical: PhysicalType | null
  readonly typeLength: number
  readonly repetition: 'required' | 'optional' | 'repeated'
  readonly children: number
  readonly converted: number | null
  readonly scale: number
  readonly precision: number
  /** The newer annotation, by its number in parquet.thrift. */
  readonly annotation: Annotation | null
}

export interface Annotation {
  readonly id: number
  readonly scale: number
  readonly precision: number
  readonly utc: boolean
  readonly unit: TimeUnit
  readonly bits: number
  readonly signed: boolean
}

const integer = (bits: number, signed: boolean): LogicalType => ({
  kind: 'integer',
  bits: bits as 8 | 16 | 32 | 64,
  signed,
})

/** Types of the older annotation by their numbers (parquet.thrift, ConvertedType). */
function convertedType(element: SchemaElement): LogicalType | null {
  const { converted, precision, scale } = element
  if (converted === 0 || converted === 4) return { kind: 'text' }
  if (converted === 5) return { kind: 'decimal', precision, scale }
  if (converted === 6) return { kind: 'date' }
  if (converted === 7 || converted === 8) return { kind: 'time', unit: converted === 7 ? 3 : 6, utc: true }
  if (converted === 9 || converted === 10) return { kind: 'timestamp', unit: converted === 9 ? 3 : 6, utc: true }
  if (converted !== null && converted >= 11 && converted <= 18)
    return integer(8 * 2 ** ((converted - 11) % 4), converted >= 15)
  if (converted === 19) return { kind: 'json' }
  return converted === 21 ? { kind: 'interval' } : null
}

function annotatedType({ annotation }: SchemaElement): LogicalType | null {
  if (annotation === null) return null
  const { id, scale, precision, unit, utc, bits, signed } = annotation
  if (id === 1 || id === 4) return { kind: 'text' }
  if (id === 5) return { kind: 'decimal', precision, scale }
  if (id === 6) return { kind: 'date' }
  if (id === 7 || id === 8) return { kind: id === 7 ? 'time' : 'timestamp', unit, utc }
  if (id === 10) return integer(bits, signed)
  if (id === 12) return { kind: 'json' }
  if (id === 14) return { kind: 'uuid' }
  return id === 15 ? { kind: 'half' } : null
}

const bare: Readonly<Record<PhysicalType, LogicalType>> = {
  BOOLEAN: { kind: 'boolean' },
  INT32: integer(32, true),
  INT64: integer(64, true),
  INT96: { kind: 'int96' },
  FLOAT: { kind: 'float' },
  DOUBLE: { kind: 'double' },
  BYTE_ARRAY: { kind: 'bytes' },
  FIXED_LEN_BYTE_ARRAY: { kind: 'bytes' },
}

/** Physical types in which a kind may lie; an annotation that does not fit is left out of account, as Arrow does. */
const carriers: Readonly<Record<LogicalType['kind'], readonly PhysicalType[]>> = {
  boolean: ['BOOLEAN'],
  half: ['FIXED_LEN_BYTE_ARRAY'],
  float: ['FLOAT'],
  double: ['DOUBLE'],
  text: ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  json: ['BYTE_ARRAY'],
  bytes: ['BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  uuid: ['FIXED_LEN_BYTE_ARRAY'],
  date: ['INT32'],
  interval: ['FIXED_LEN_BYTE_ARRAY'],
  integer: ['INT32', 'INT64'],
  decimal: ['INT32', 'INT64', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'],
  time: ['INT32', 'INT64'],
  timestamp: ['INT64'],
  int96: ['INT96'],
}

const lengths: Partial<Record<LogicalType['kind'], number>> = { uuid: 16, half: 2, interval: 12 }

export function logicalTypeOf(element: SchemaElement, physical: PhysicalType): LogicalType {
  const type = annotatedType(element) ?? convertedType(element) ?? bare[physical]
  const length = lengths[type.kind]
  const fits = carriers[type.kind].includes(physical) && (length === undefined || length === element.typeLength)
  return fits ? type : bare[physical]
}

/** What PostgreSQL calls a type that holds every value. */
export function postgresTypeOf(type: LogicalType): string {
  if (type.kind === 'integer') return integerName(type.bits, type.signed)
  if (type.kind === 'decimal') return `numeric(${type.precision},${type.scale})`
  if (type.kind === 'time' || type.kind === 'timestamp') return `${type.kind} with${type.utc ? '' : 'out'} time zone`
  const names = {
    boolean: 'boolean',
    half: 'real',
    float: 'real',
    double: 'double precision',
    text: 'text',
    json: 'json',
    bytes: 'bytea',
    uuid: 'uuid',
    date: 'date',
    interval: 'interval',
    int96: 'timestamp without time zone',
  }
  return names[type.kind]
}

function integerName(bits: number, signed: boolean): string {
  const needed = signed ? bits : bits + 1
  if (needed <= 16) return 'smallint'
  if (needed <= 32) return 'integer'
  return needed <= 64 ? 'bigint' : 'numeric(20,0)'
}
