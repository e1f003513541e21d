import * as z from 'zod'
import { encodeCsvRecord } from '../codecs/csv-encode.ts'
import { gzipped } from '../codecs/deflate.ts'
import { type CsvEncoding, copyText, type Encoding, jsonLines } from '../codecs/encoding.ts'
import { arrayAsLines } from '../codecs/json-lines/array-as-lines.ts'
import { emptyParquet, writeParquet } from '../codecs/parquet-write/write-file.ts'
import { canDecode, fromUtf8 } from '../codecs/to-utf8.ts'
import { TransferError, whenSound } from '../errors/index.ts'
import { copyRefusal, serverCharset } from '../load/copy-rules.ts'
import type { ObjectStore } from '../ports/index.ts'
import {
  type ConnectorContext,
  defineReader,
  defineWriter,
  type ObjectTarget,
  type Remark,
  type Slice,
  type Source,
  type WantedColumns,
} from './contract.ts'
import {
  csvReaderShape,
  decodedCharset,
  delimiterOption,
  encodingOf,
  nullText,
  refuseWhatCopyRefuses,
} from './objects/csv-options.ts'
import {
  columnsOfFile,
  FileColumns,
  projectionOf,
  refuseForeignConstants,
  refuseKeysOfCsv,
} from './objects/file-columns.ts'
import { keyProjectionOf, refuseOfJson } from './objects/json-columns.ts'
import { ObjectSlice } from './objects/object-slice.ts'
import { mayHaveToBeUnpacked } from './objects/packed-files.ts'
import { nameOfFile, PackedSlice, unpackedFrom } from './objects/packed-slice.ts'
import { parquetIn } from './objects/parquet/parquet-source.ts'
import { splitObjects } from './objects/split-objects.ts'
import { prepareTarget, taggedKey } from './objects/write-modes.ts'
import { OssConnectionOption } from './options/connections.ts'
import {
  choice,
  flag,
  notYet,
  oneText,
  optionalChoice,
  optionalText,
  parameters,
  recordBytes,
  texts,
  unsupportedIssue,
  wizardLeavings,
} from './options/fields.ts'

const later = 'this format is a later release; csv, jsonl and parquet are read and written'
const noOrc = 'there is no library for ORC that runs in Node.js; write Parquet, as Hive, Spark and MaxCompute can'
const laterFormats = { orc: noOrc, excel: later, binary: later, sql: later }

const noLeadingSlash = (key: string) => !key.startsWith('/')

const viaProxy = 'functions reach OSS without a proxy'
const onlyColumnar = 'it has a meaning only for parquet'
const onlySql = 'it has a meaning only for fileFormat sql'

/** What osswriter and ossreader have in common beyond the file itself (dataworks-datax.md §3.5). */
const bothIgnored: Readonly<Record<string, string>> = {
  ...wizardLeavings,
  proxyHost: viaProxy,
  proxyPort: viaProxy,
  proxyUsername: viaProxy,
  proxyPassword: viaProxy,
  proxyDomain: viaProxy,
  proxyWorkstation: viaProxy,
  hadoopConfig: 'objects are reached through the datasource',
}
const noOwnDomain = () =>
  notYet('a domain of your own (cname) is a later release; give the endpoint of the region', [false, 'false'])

const readerIgnored: Readonly<Record<string, string>> = {
  ...bothIgnored,
  bufferSize: 'objects are read in ranges of a fixed size',
  balanceThreshold: 'objects are cut into ranges, so large and small ones balance by themselves',
  blockSizeInByte: 'objects are cut into ranges by size, whatever their format',
  excelReaderConfig: 'it has a meaning only for excel',
  parquetSchema: 'a Parquet file says itself what its columns are',
}

/** dataworks-datax.md §3.5. `text` is read as csv: DataX reads both with one parser. */
const OssReaderOptions = parameters(
  {
    connection: OssConnectionOption,
    object: texts()
      .refine((objects) => objects.every(noLeadingSlash), 'a key does not begin with /')
      .meta({
        description:
          'Keys, or patterns: `*` any characters, `?` one, `[0-9]` one of these. All files have the same columns.',
        examples: ['orders/${bizdate}/*.csv', '${object}'],
      }),
    path: texts().describe('What DataWorks calls `object` where the format is parquet. A leading slash is left out.'),
    column: FileColumns,
    fileFormat: choice(['csv', 'jsonl', 'parquet'], {
      otherwise: 'csv',
      aliases: { text: 'csv', txt: 'csv', json: 'jsonl', ndjson: 'jsonl' },
      refused: laterFormats,
    }).describe(
      '`text` is read as csv, as DataX does. `jsonl`, also called `json`: one JSON object a line, or one array of objects. Other formats are refused.',
    ),
    ...csvReaderShape,
    successOnNoObject: flag(false).describe('No matching object: a run of no rows, in the place of a failure.'),
    cname: noOwnDomain(),
    hivePartitionColumn: notYet('columns made of the path are a later release; give a constant in column'),
    fileAsColumn: notYet('the name of the file as a column is a later release', [false, 'false']),
    tarFileFilterPattern: notYet('archives are a later release; unpack them first'),
    maxRecordBytes: recordBytes(),
  },
  readerIgnored,
)
  .superRefine(refuseWhatCopyRefuses, whenSound('fieldDelimiter', 'csvReaderConfig', 'nullFormat', 'encoding'))
  .superRefine(
    (options, context) => {
      const { column, fileFormat } = options
      if (fileFormat === 'parquet') return
      if (fileFormat === 'jsonl') return refuseOfJson(options, context)
      refuseKeysOfCsv(column, context)
      refuseForeignConstants(column, encodingOf(options).charset, context)
    },
    whenSound('column', 'encoding', 'fileFormat', 'skipHeader', 'fieldDelimiter', 'csvReaderConfig', 'nullFormat'),
  )
  .superRefine(
    (options, context) => {
      if (objectsOf(options).length > 0) return
      const message = 'give the key of an object, or a pattern with * or ?'
      context.addIssue({ code: 'custom', path: ['object'], message })
    },
    whenSound('object', 'path', 'fileFormat'),
  )
type OssReaderOptions = z.infer<typeof OssReaderOptions>

function objectsOf({ object, path, fileFormat }: Pick<OssReaderOptions, 'object' | 'path' | 'fileFormat'>): string[] {
  return object.length > 0 || fileFormat !== 'parquet' ? object : path.map((key) => key.replace(/^\/+/, ''))
}

const writerIgnored: Readonly<Record<string, string>> = {
  ...bothIgnored,
  column: 'the columns are those of the reader, in its order',
  parquetSchema: 'columns have the names and types of the reader; cast them in its querySql to have others',
  dataxParquetMode: 'nested columns are written as texts',
  table: onlySql,
  quoteChar: onlySql,
  commitSize: onlySql,
  maxFileSize: 'the size of an object follows the slices of the reader',
  blockSizeInMB: 'parts are sized by the upload itself',
  ossBlockSize: 'parts are sized by the upload itself',
}

const oneObjectPerSlice = 'each slice is an object of its own; one object for all slices is a later release'

/** dataworks-datax.md §3.5. `writeMode` has no default: one of its values deletes objects. */
const OssWriterOptions = parameters(
  {
    connection: OssConnectionOption,
    object: oneText()
      .refine(noLeadingSlash, 'a key does not begin with /')
      .optional()
      .meta({
        description: 'Prefix of the keys that are written; run and slice follow it. Must be given.',
        examples: ['export/orders-${bizdate}'],
      }),
    path: optionalText().describe('With `fileName`, what DataWorks calls `object` where the format is parquet.'),
    fileName: optionalText().describe('The end of `path`.'),
    writeMode: choice(['truncate', 'append', 'nonConflict'], {}).describe(
      '`truncate` removes what has the prefix, `append` leaves it, `nonConflict` fails when there is something. Must be given.',
    ),
    fileFormat: choice(['csv', 'jsonl', 'parquet'], {
      otherwise: 'csv',
      aliases: { json: 'jsonl', ndjson: 'jsonl' },
      refused: { ...laterFormats, text: 'text joins values without quotes, so a delimiter in one is lost; use csv' },
    }).describe('`jsonl`, also called `json`: one JSON object a line. Other formats are refused.'),
    fieldDelimiter: delimiterOption().describe('One character of one byte; `\\t` and `\\u0001` may be spelled out.'),
    /** Unset: NULL is an empty field, and an empty text is `""`. */
    nullFormat: nullText().describe('What NULL is written as; unset: an empty field, and an empty text is `""`.'),
    header: texts().describe('The first record of each object.'),
    writeHeader: flag(false).describe('The names of the columns are the first record of each object.'),
    suffix: optionalText().describe('End of the keys; a missing dot is added.'),
    encoding: optionalText()
      .refine((charset) => charset === undefined || canDecode(charset), 'is a charset that nobody here knows')
      .describe(
        'Charset of the objects, by its usual names; UTF-8 when unset. A character that it lacks ends the run.',
      ),
    lineDelimiter: notYet('records end with \\n', ['\n', '\\n']),
    compress: optionalChoice(['none', 'gzip', 'snappy', 'zstd'], {
      aliases: { gz: 'gzip' },
      refused: { bzip2: 'bzip2 is not written; use gzip', zip: 'zip is not written; use gzip' },
    }).describe(
      '`gzip`: each object is one gzip stream, and its key ends with `.gz`. Of parquet: how its pages are packed; `snappy` when unset.',
    ),
    dateFormat: notYet('dates are written as yyyy-mm-dd hh:mm:ss, as the database prints them', [
      'yyyy-mm-dd hh:mm:ss',
    ]),
    csvWriterConfig: notYet('values are quoted where they need it, and quotes are doubled', []),
    byteEncoding: notYet('bytea is written as \\x and hexadecimal digits'),
    cname: noOwnDomain(),
    writeSingleObject: notYet(oneObjectPerSlice, [false, 'false']),
    encrypt: notYet('set encryption on the bucket', [false, 'false']),
    generateEmptyFile: flag(true).describe(
      'A table without rows leaves one object; `false` is told to have no effect.',
    ),
    atomic: notYet('the objects of a run appear at its end in any case', [false, 'false']),
    overwrite: notYet('writeMode truncate replaces what has the prefix', [false, 'false']),
    partition: notYet('partition paths are a later release; put them into object'),
  },
  writerIgnored,
)
  .superRefine(
    (options, context) => {
      const reason = copyRefusal(writtenEncoding(options))
      if (reason !== null) context.addIssue({ code: 'custom', message: reason })
    },
    whenSound('fieldDelimiter', 'nullFormat'),
  )
  .superRefine(
    (options, context) => {
      if (prefixOf(options) === null)
        context.addIssue({ code: 'custom', path: ['object'], message: 'give the prefix of the keys that are written' })
      const { fileFormat, compress } = options
      if (fileFormat === 'parquet' || (compress !== 'snappy' && compress !== 'zstd')) return
      const why =
        compress === 'zstd' ? 'no engine for it on Node 20 is faster than gzip' : 'snappy packs pages of parquet'
      context.addIssue({ code: 'custom', path: ['compress'], message: `${why}; use gzip`, params: unsupportedIssue })
    },
    whenSound('object', 'path', 'fileName', 'fileFormat', 'compress'),
  )
type OssWriterOptions = z.infer<typeof OssWriterOptions>

function prefixOf(options: Pick<OssWriterOptions, 'object' | 'path' | 'fileName' | 'fileFormat'>): string | null {
  const { object, path, fileName, fileFormat } = options
  if (object !== undefined || fileFormat !== 'parquet') return object ?? null
  const parts = [path?.replace(/^\/+|\/+$/g, ''), fileName?.replace(/^\/+/, '')]
  return parts.filter((part) => part !== undefined && part !== '').join('/') || null
}

function ossReaderRemarks(options: OssReaderOptions): Remark[] {
  const { fileFormat, path, object, fieldDelimiter, encoding, nullFormat, skipHeader, csvReaderConfig } = options
  const ofNulls = { nullFormat: (nullFormat ?? null) !== null, csvReaderConfig: csvReaderConfig !== undefined }
  const ofText = { fieldDelimiter: fieldDelimiter !== ',', encoding: isForeign(encoding), skipHeader, ...ofNulls }
  const isPathLeft = path.length > 0 && (fileFormat !== 'parquet' || object.length > 0)
  const left = isPathLeft
    ? withoutEffect({ path: true }, fileFormat === 'parquet' ? ' beside object' : `: ${onlyColumnar}`)
    : []
  if (fileFormat === 'jsonl') return [...left, ...withoutEffect(ofNulls, ' on JSON')]
  return fileFormat === 'parquet' ? [...left, ...withoutEffect(ofText, onParquet)] : left
}

const onParquet = ': a Parquet file says itself how its values lie'
const isForeign = (encoding: string | undefined) => encoding !== undefined && serverCharset(encoding) !== 'UTF8'

/** What is given of one format beside another, such as of CSV beside JSON, where names are keys, and null is null. */
const withoutEffect = (given: Readonly<Record<string, boolean>>, why: string): Remark[] =>
  Object.entries(given)
    .filter(([, isGiven]) => isGiven)
    .map(([parameter]) => ({ parameter, message: `has no effect${why}` }))

function ossWriterRemarks(options: OssWriterOptions): Remark[] {
  const { object, path, fileName, header, writeHeader, generateEmptyFile, fileFormat, nullFormat } = options
  const inJson = { header: header.length > 0, writeHeader, nullFormat: (nullFormat ?? null) !== null }
  const places = { path: path !== undefined, fileName: fileName !== undefined }
  if (fileFormat === 'parquet') {
    const ofText = { fieldDelimiter: options.fieldDelimiter !== ',', encoding: isForeign(options.encoding), ...inJson }
    return [
      ...(object === undefined ? [] : withoutEffect(places, ' beside object')),
      ...withoutEffect(ofText, onParquet),
    ]
  }
  const left = withoutEffect(places, `: ${onlyColumnar}`)
  if (fileFormat === 'jsonl') return [...left, ...withoutEffect(inJson, ' on JSON')]
  const beside = header.length > 0 && writeHeader
  const kept = 'has no effect: a table without rows leaves one object, with its header if it has one'
  return [
    ...left,
    ...(beside ? [{ parameter: 'writeHeader', message: 'has no effect beside header' }] : []),
    ...(generateEmptyFile ? [] : [{ parameter: 'generateEmptyFile', message: kept }]),
  ]
}

export const reader = defineReader<OssReaderOptions>({
  role: 'reader',
  kind: 'oss',
  title: 'Object Storage Service (OSS)',
  aliases: ['ossreader'],
  connection: 'oss',
  options: OssReaderOptions,
  ignored: readerIgnored,
  remarks: ossReaderRemarks,
  ledger: null,
  repeatable: true,
  forObject(options, from, key) {
    const { object, connection } = options
    const isThatAlone = object.length === 1 && object[0] === from.key && connection.bucket === from.bucket
    const mayBePacked = mayHaveToBeUnpacked(from.key, options.compress) || decodedCharset(options) !== null
    return isThatAlone && !mayBePacked ? { ...options, object: [key] } : null
  },
  incremental: null,
  async open(options, context) {
    const store = await context.openStore(options.connection)
    if (options.fileFormat !== 'parquet') return objectsIn(store, options, context, null)
    return parquetIn(store, { ...options, object: objectsOf(options) }, context.signal, null)
  },
})

export const writer = defineWriter<OssWriterOptions>({
  role: 'writer',
  kind: 'oss',
  title: 'Object Storage Service (OSS)',
  aliases: ['osswriter'],
  connection: 'oss',
  options: OssWriterOptions,
  ignored: writerIgnored,
  remarks: ossWriterRemarks,
  ledger: null,
  oncePerRun: null,
  async open(options, context): Promise<ObjectTarget> {
    const store = await context.openStore(options.connection)
    const { writeMode: mode } = options
    const prefix = prefixOf(options) ?? ''
    const suffix = packedSuffix(dotted(options.suffix ?? ''), options)
    return {
      kind: 'object',
      store,
      prepare: (runTag) => prepareTarget(store, { prefix, runTag, mode }),
      keyOf: (runTag, sliceIndex) => taggedKey(prefix, runTag, sliceIndex, suffix),
      ...(options.fileFormat === 'parquet' ? asParquet(options) : asRecords(options)),
      async [Symbol.asyncDispose]() {},
    }
  },
})

type Written = Pick<ObjectTarget, 'preferred' | 'header' | 'encode' | 'pack' | 'putOptions'>

function asRecords(options: OssWriterOptions): Written {
  const encoding = writtenEncoding(options)
  const isJson = options.fileFormat === 'jsonl'
  return {
    preferred: isJson ? jsonLines : encoding,
    header(columns) {
      if (isJson) return new Uint8Array()
      if (options.header.length > 0) return encodeCsvRecord(options.header, encoding)
      const names = options.writeHeader ? (columns ?? []).map((column) => column.name) : []
      return names.length === 0 ? new Uint8Array() : encodeCsvRecord(names, encoding)
    },
    encode: null,
    pack: packerOf(options),
    putOptions: { contentType: contentTypeOf(options) },
  }
}

function asParquet({ compress = 'snappy' }: OssWriterOptions): Written {
  return {
    preferred: copyText,
    header: (columns) => emptyParquet(columns ?? []),
    encode: (records, columns) => writeParquet(records, columns ?? [], compress),
    pack: null,
    putOptions: { contentType: 'application/vnd.apache.parquet' },
  }
}

function contentTypeOf({ compress, encoding, fileFormat }: OssWriterOptions): string {
  if (compress === 'gzip') return 'application/gzip'
  return fileFormat === 'jsonl' ? 'application/x-ndjson' : `text/csv; charset=${encoding ?? 'utf-8'}`
}

// ---------------------------------------------------------------------------------------------------------------------

function objectsIn(
  store: ObjectStore,
  options: OssReaderOptions,
  context: ConnectorContext,
  wanted: WantedColumns | null,
): Source {
  const { column, fileFormat, maxRecordBytes } = options
  const encoding: Encoding = fileFormat === 'jsonl' ? jsonLines : encodingOf(options)
  const listed = columnsOfFile(column)
  const charset = decodedCharset(options)
  const unpackingUntil = (signal: AbortSignal) => ({ charset, maxInflateRatio: options.maxInflateRatio, signal })
  return {
    async columns() {
      const names = wanted === null ? null : await wanted()
      return names === null ? listed : names.map((name) => ({ name, type: 'text', nullable: true }))
    },
    split(want) {
      const { signal } = context
      return splitObjects(store, options, want, { encoding, wanted, signal, unpacking: unpackingUntil(signal) })
    },
    offer: () => encoding,
    async read(slice, _, signal, { lent = false } = {}) {
      const range = parseSlice(slice)
      const { key, start, newline, firstRecord } = range
      const isLines = encoding.format !== 'jsonl' || newline === lineFeed
      const plainName = `oss://${store.bucket}/${key}`
      const counted = 'packing' in range ? nameOfFile(store.bucket, range, charset) : plainName
      const name = 'records' in range && range.records === null ? `${plainName} from byte ${start}` : counted
      const origin = { name, start, firstRecord }
      const body =
        'packing' in range
          ? unpackedFrom(store, range, unpackingUntil(signal))
          : store.readRange(key, { ...range, signal, lent: lent && isLines })
      if (isLines) return { encoding, newline, maxRecordBytes, origin, body }
      return { encoding, newline: lineFeed, maxRecordBytes, origin, body: arrayAsLines(body) }
    },
    async describe(slice) {
      const range = parseSlice(slice)
      const { key, etag, size } = range
      const bounds = 'packing' in range ? { start: range.from, end: range.to } : { start: range.start, end: range.end }
      return { object: `oss://${store.bucket}/${key}`, etag, objectBytes: size, ...bounds }
    },
    projection:
      listed === null && wanted === null
        ? null
        : (slice) => {
            const { fields, pick, keys } = parseSlice(slice)
            const places = pick?.split(',').map(Number) ?? null
            return fileFormat === 'jsonl'
              ? keyProjectionOf(column, places, keys === undefined ? null : Keys.parse(JSON.parse(keys)))
              : projectionOf(column, fields, places)
          },
    pick: wanted === null ? (names) => objectsIn(store, options, context, names) : null,
    isNamed: fileFormat === 'jsonl' && listed === null,
    rest(slice, consumed) {
      const range = parseSlice(slice)
      const start = range.start + consumed.bytes
      const firstRecord = range.firstRecord + consumed.records
      if ('packing' in range) {
        const left = range.bytes === undefined ? {} : { bytes: range.bytes - consumed.bytes }
        return { ...slice, start, firstRecord, ...left }
      }
      if (range.records === null) return { ...slice, start, firstRecord: 1 }
      return { ...slice, start, firstRecord, records: range.records - consumed.records }
    },
    first(slice, bytes) {
      if (!('packing' in slice)) throw new TransferError('internal/bug', 'only a packed file has a first part')
      return { ...slice, bytes }
    },
    join(slice) {
      const range = parseSlice(slice)
      if ('packing' in range || range.records === null) return null
      const { newline, crlf, fields, pick = '', keys = '' } = range
      // Without a list of columns or names, fields go as they lie, however many there are.
      const width = listed === null && wanted === null ? '' : fields
      const ending = crlf ? [0x0d, 0x0a] : [encoding.format === 'jsonl' ? lineFeed : newline]
      return { key: JSON.stringify([newline, crlf, width, pick, keys]), ending: Buffer.from(ending) }
    },
    cutSmaller: null,
    askIncrement: null,
    holdSnapshot: null,
    async [Symbol.asyncDispose]() {},
  }
}

const lineFeed = 0x0a
const Keys = z.array(z.string())

/** @throws event/invalid for a slice that no planner of ours has made */
function parseSlice(slice: Slice): ObjectSlice | PackedSlice {
  const parsed = 'packing' in slice ? PackedSlice.safeParse(slice) : ObjectSlice.safeParse(slice)
  if (parsed.success) return parsed.data
  throw new TransferError('event/invalid', 'the slice is not one of oss', {}, { cause: parsed.error })
}

function writtenEncoding(options: { fieldDelimiter: string; nullFormat?: string | null | undefined }): CsvEncoding {
  const { fieldDelimiter: delimiter, nullFormat } = options
  return { format: 'csv', delimiter, quote: '"', escape: '"', null: nullFormat ?? '', charset: 'utf-8' }
}

/** osswriter adds the dot that is missing (dataworks-datax.md §3.5). */
const dotted = (suffix: string) => (suffix === '' || suffix.startsWith('.') ? suffix : `.${suffix}`)

/** So that readers, ours among them, see what it is. */
const packedSuffix = (suffix: string, { compress, fileFormat }: Pick<OssWriterOptions, 'compress' | 'fileFormat'>) =>
  compress !== 'gzip' || fileFormat === 'parquet' || /\.(gz|gzip)$/i.test(suffix) ? suffix : `${suffix}.gz`

function packerOf({ compress, encoding }: OssWriterOptions): ObjectTarget['pack'] {
  const charset = encoding === undefined || serverCharset(encoding) === 'UTF8' ? null : encoding
  if (charset === null) return compress === 'gzip' ? gzipped : null
  return (whole) => (compress === 'gzip' ? gzipped(fromUtf8(whole, charset)) : fromUtf8(whole, charset))
}
