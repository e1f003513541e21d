import { openThrift, type ThriftReader, thriftTrue } from './thrift.ts'

/** What stands before the bytes of a page (parquet.thrift, PageHeader). */
export interface PageHeader {
  readonly kind: 'data' | 'data v2' | 'dictionary' | 'other'
  readonly headerBytes: number
  readonly compressedBytes: number
  readonly uncompressedBytes: number
  /** Values, with those that are null. */
  readonly values: number
  readonly encoding: number
  /** Of definition and repetition levels, in pages of the first version. */
  readonly levelEncodings: readonly [number, number]
  /** Of the second version: they lie before the compressed part. */
  readonly definitionBytes: number
  readonly repetitionBytes: number
  readonly isCompressed: boolean
}

const kinds = ['data', 'other', 'dictionary', 'data v2'] as const
const rle = 3

/** @throws RangeError when the header is not whole in `bytes`, or is none */
export function readPageHeader(bytes: Uint8Array): PageHeader {
  const thrift = openThrift(bytes, 0)
  const found = { kind: 1, compressed: -1, uncompressed: -1, values: 0, encoding: 0, definition: rle, repetition: rle }
  const second = { definitionBytes: 0, repetitionBytes: 0, isCompressed: true }
  thrift.struct((id, type) => {
    if (id === 1) found.kind = thrift.integer()
    else if (id === 2) found.uncompressed = thrift.integer()
    else if (id === 3) found.compressed = thrift.integer()
    else if (id === 5) readNumbers(thrift, ['values', 'encoding', 'definition', 'repetition'], found)
    else if (id === 7) readNumbers(thrift, ['values', 'encoding'], found)
    else if (id === 8) readSecond(thrift, found, second)
    else thrift.skip(type)
  })
  if (
    found.compressed < 0 ||
    found.uncompressed < 0 ||
    found.values < 0 ||
    !(second.definitionBytes >= 0) ||
    !(second.repetitionBytes >= 0)
  )
    throw new RangeError('a page has no size')
  return {
    kind: kinds[found.kind] ?? 'other',
    headerBytes: thrift.position(),
    compressedBytes: found.compressed,
    uncompressedBytes: found.uncompressed,
    values: found.values,
    encoding: found.encoding,
    levelEncodings: [found.definition, found.repetition],
    ...second,
  }
}

/** Fields 1, 2, … of a struct by these names; others are left out. */
function readNumbers<Name extends string>(
  thrift: ThriftReader,
  names: readonly Name[],
  found: { [name in Name]: number },
): void {
  thrift.struct((id, type) => {
    const name = names[id - 1]
    if (name === undefined) thrift.skip(type)
    else found[name] = thrift.integer()
  })
}

function readSecond(
  thrift: ThriftReader,
  found: { values: number; encoding: number },
  second: { definitionBytes: number; repetitionBytes: number; isCompressed: boolean },
): void {
  thrift.struct((id, type) => {
    if (id === 1) found.values = thrift.integer()
    else if (id === 4) found.encoding = thrift.integer()
    else if (id === 5) second.definitionBytes = thrift.integer()
    else if (id === 6) second.repetitionBytes = thrift.integer()
    else if (id === 7) second.isCompressed = type === thriftTrue
    else thrift.skip(type)
  })
}
