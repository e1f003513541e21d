import type * as z from 'zod'
import { encodeCsvRecord } from '../codecs/csv-encode.ts'
import { type CsvEncoding, copyText } from '../codecs/encoding.ts'
import { compressions } from '../codecs/parquet-write/compress.ts'
import { emptyParquet, writeParquet } from '../codecs/parquet-write/write-file.ts'
import { TransferError, whenSound } from '../errors/index.ts'
import { copyRefusal } from '../load/copy-rules.ts'
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
import { csvReaderShape, delimiterOption, encodingOf, nullText, refuseWhatCopyRefuses } from './objects/csv-options.ts'
import {
  columnsOfFile,
  FileColumns,
  projectionOf,
  refuseForeignConstants,
  refuseNamesOfFields,
} from './objects/file-columns.ts'
import { ObjectSlice } from './objects/object-slice.ts'
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

const later = 'this format is a later release; csv and parquet are read and written'
const noOrc = 'there is no library for ORC that runs in Node.js; write Parquet, as Hive, Spark and MaxCompute can'
const laterFormats = { orc: noOrc, jsonl: later, json: later, excel: later, binary: later, sql: later }

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
    fileFormat: choice(['csv', 'parquet'], {
      otherwise: 'csv',
      aliases: { text: 'csv', txt: 'csv' },
      refused: laterFormats,
    }).describe('`text` is read as csv, as DataX does; other formats are refused.'),
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
    ({ column, encoding }, context) => refuseForeignConstants(column, encoding, context),
    whenSound('column', 'encoding'),
  )
  .superRefine(
    ({ column, fileFormat }, context) => {
      if (fileFormat === 'csv') refuseNamesOfFields(column, context)
    },
    whenSound('column', 'fileFormat'),
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
  return object.length > 0 || fileFormat === 'csv' ? object : path.map((key) => key.replace(/^\/+/, ''))
}

/** What says how text lies in a file says nothing of a Parquet file. */
const ofText = 'has no effect: a Parquet file says itself how its values lie'

function ossReaderRemarks(options: OssReaderOptions): Remark[] {
  const { fileFormat, path, object, fieldDelimiter, encoding, nullFormat, skipHeader, csvReaderConfig } = options
  const about = (parameter: string, message: string, isGiven: boolean) => (isGiven ? [{ parameter, message }] : [])
  if (fileFormat === 'csv') return about('path', `has no effect: ${onlyColumnar}`, path.length > 0)
  return [
    ...about('path', 'has no effect beside object', path.length > 0 && object.length > 0),
    ...about('fieldDelimiter', ofText, fieldDelimiter !== ','),
    ...about('encoding', ofText, encoding !== undefined && !/^utf-?8$/i.test(encoding)),
    ...about('nullFormat', ofText, nullFormat !== undefined && nullFormat !== null),
    ...about('skipHeader', ofText, skipHeader),
    ...about('csvReaderConfig', ofText, csvReaderConfig !== undefined),
  ]
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
    fileFormat: choice(['csv', 'parquet'], {
      otherwise: 'csv',
      refused: { ...laterFormats, text: 'text joins values without quotes, so a delimiter in one is lost; use csv' },
    }).describe('Other formats are refused.'),
    fieldDelimiter: delimiterOption().describe('One character of one byte; `\\t` and `\\u0001` may be spelled out.'),
    /** Unset: NULL is an empty field, and an empty text is `""`. */
    nullFormat: nullText().describe('What NULL is written as; unset: an empty field, and an empty text is `""`.'),
    header: texts().describe('The first record of each object.'),
    writeHeader: flag(false).describe('The names of the columns are the first record of each object.'),
    suffix: optionalText().describe('End of the keys; a missing dot is added.'),
    encoding: notYet('objects are written in UTF-8', ['utf-8', 'utf8']),
    lineDelimiter: notYet('records end with \\n', ['\n', '\\n']),
    compress: optionalChoice(compressions).describe('Of parquet: snappy when unset. Of csv: none.'),
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
      if (options.fileFormat !== 'csv' || (options.compress ?? 'none') === 'none') return
      const message = `compressed CSV is a later release; parquet can be ${options.compress}`
      context.addIssue({ code: 'custom', path: ['compress'], message, params: unsupportedIssue })
    },
    whenSound('object', 'path', 'fileName', 'fileFormat', 'compress'),
  )
type OssWriterOptions = z.infer<typeof OssWriterOptions>

/** null: nothing says where to write. */
function prefixOf({
  object,
  path,
  fileName,
  fileFormat,
}: Pick<OssWriterOptions, 'object' | 'path' | 'fileName' | 'fileFormat'>): string | null {
  if (object !== undefined || fileFormat === 'csv') return object ?? null
  const parts = [path?.replace(/^\/+|\/+$/g, ''), fileName?.replace(/^\/+/, '')].filter(
    (part) => part !== undefined && part !== '',
  )
  return parts.length === 0 ? null : parts.join('/')
}

function ossWriterRemarks(options: OssWriterOptions): Remark[] {
  return options.fileFormat === 'csv' ? csvWriterRemarks(options) : parquetWriterRemarks(options)
}

function parquetWriterRemarks(options: OssWriterOptions): Remark[] {
  const { object, path, fileName, fieldDelimiter, nullFormat, header, writeHeader } = options
  const about = (parameter: string, message: string, isGiven: boolean) => (isGiven ? [{ parameter, message }] : [])
  return [
    ...about('path', 'has no effect beside object', path !== undefined && object !== undefined),
    ...about('fileName', 'has no effect beside object', fileName !== undefined && object !== undefined),
    ...about('fieldDelimiter', ofText, fieldDelimiter !== ','),
    ...about('nullFormat', ofText, nullFormat !== undefined && nullFormat !== null),
    ...about('header', ofText, header.length > 0),
    ...about('writeHeader', ofText, writeHeader),
  ]
}

function csvWriterRemarks({ header, writeHeader, generateEmptyFile, path, fileName }: OssWriterOptions): Remark[] {
  const beside = header.length > 0 && writeHeader
  const kept = 'has no effect: a table without rows leaves one object, with its header if it has one'
  return [
    ...(path === undefined ? [] : [{ parameter: 'path', message: `has no effect: ${onlyColumnar}` }]),
    ...(fileName === undefined ? [] : [{ parameter: 'fileName', message: `has no effect: ${onlyColumnar}` }]),
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
  incremental: null,
  async open(options, context) {
    const store = await context.openStore(options.connection)
    if (options.fileFormat === 'csv') return objectsIn(store, options, context, null)
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
  async open(options, context): Promise<ObjectTarget> {
    const store = await context.openStore(options.connection)
    const { writeMode: mode } = options
    const prefix = prefixOf(options) ?? ''
    const suffix = dotted(options.suffix ?? '')
    return {
      kind: 'object',
      store,
      prepare: (runTag) => prepareTarget(store, { prefix, runTag, mode }),
      keyOf: (runTag, sliceIndex) => taggedKey(prefix, runTag, sliceIndex, suffix),
      ...(options.fileFormat === 'csv' ? asCsv(options) : asParquet(options)),
      async [Symbol.asyncDispose]() {},
    }
  },
})

// ---------------------------------------------------------------------------------------------------------------------

function objectsIn(
  store: ObjectStore,
  options: OssReaderOptions,
  context: ConnectorContext,
  wanted: WantedColumns | null,
): Source {
  const { column, maxRecordBytes } = options
  const encoding = encodingOf(options)
  const listed = columnsOfFile(column)
  return {
    async columns() {
      const names = wanted === null ? null : await wanted()
      return names === null ? listed : names.map((name) => ({ name, type: 'text', nullable: true }))
    },
    split: (want) => splitObjects(store, options, want, { encoding, wanted, signal: context.signal }),
    offer: () => encoding,
    async read(slice, _, signal) {
      const range = parseSlice(slice)
      const { key, start, newline, firstRecord } = range
      const origin = { name: `oss://${store.bucket}/${key}`, start, firstRecord }
      return { encoding, newline, maxRecordBytes, origin, body: store.readRange(key, { ...range, signal }) }
    },
    async describe(slice) {
      const { key, etag, size, start, end } = parseSlice(slice)
      return { object: `oss://${store.bucket}/${key}`, etag, objectBytes: size, start, end }
    },
    projection:
      listed === null && wanted === null
        ? null
        : (slice) => {
            const { fields, pick } = parseSlice(slice)
            return projectionOf(column, fields, pick?.split(',').map(Number) ?? null)
          },
    pick: wanted === null ? (names) => objectsIn(store, options, context, names) : null,
    rest(slice, consumed) {
      const range = parseSlice(slice)
      const start = range.start + consumed.bytes
      const firstRecord = range.firstRecord + consumed.records
      return { ...slice, start, firstRecord, records: range.records - consumed.records }
    },
    cutSmaller: null,
    askIncrement: null,
    holdSnapshot: null,
    async [Symbol.asyncDispose]() {},
  }
}

type Written = Pick<ObjectTarget, 'preferred' | 'header' | 'encode' | 'putOptions'>

function asCsv(options: OssWriterOptions): Written {
  const encoding = writtenEncoding(options)
  return {
    preferred: encoding,
    header(columns) {
      if (options.header.length > 0) return encodeCsvRecord(options.header, encoding)
      const names = options.writeHeader ? (columns ?? []).map((column) => column.name) : []
      return names.length === 0 ? new Uint8Array() : encodeCsvRecord(names, encoding)
    },
    encode: null,
    putOptions: { contentType: 'text/csv; charset=utf-8' },
  }
}

function asParquet({ compress = 'snappy' }: OssWriterOptions): Written {
  return {
    preferred: copyText,
    header: (columns) => emptyParquet(columns ?? []),
    encode: (records, columns) => writeParquet(records, columns ?? [], compress),
    putOptions: { contentType: 'application/vnd.apache.parquet' },
  }
}

/** @throws event/invalid for a slice that no planner of ours has made */
function parseSlice(slice: Slice): ObjectSlice {
  const parsed = ObjectSlice.safeParse(slice)
  if (parsed.success) return parsed.data
  throw new TransferError('event/invalid', 'the slice is not one of oss', {}, { cause: parsed.error })
}

function writtenEncoding(options: { fieldDelimiter: string; nullFormat?: string | null | undefined }): CsvEncoding {
  const { fieldDelimiter: delimiter, nullFormat } = options
  return { format: 'csv', delimiter, quote: '"', escape: '"', null: nullFormat ?? '', charset: 'utf-8' }
}

/** osswriter adds the dot that is missing (dataworks-datax.md §3.5). */
const dotted = (suffix: string) => (suffix === '' || suffix.startsWith('.') ? suffix : `.${suffix}`)
