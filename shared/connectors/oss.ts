import { encodeCsvRecord } from '../codecs/csv-encode.ts'
import { gzipped } from '../codecs/deflate.ts'
import { copyText, jsonLines } from '../codecs/encoding.ts'
import { emptyParquet, writeParquet } from '../codecs/parquet-write/write-file.ts'
import { fromUtf8 } from '../codecs/to-utf8.ts'
import { serverCharset } from '../load/copy-rules.ts'
import { defineReader, defineWriter, type ObjectTarget } from './contract.ts'
import { decodedCharset } from './objects/csv-options.ts'
import { objectsIn } from './objects/object-source.ts'
import { mayHaveToBeUnpacked } from './objects/packed-files.ts'
import { parquetIn } from './objects/parquet/parquet-source.ts'
import { OssReaderOptions, objectsOf, ossReaderRemarks, readerIgnored } from './objects/reader-options.ts'
import { prepareTarget, taggedKey } from './objects/write-modes.ts'
import {
  OssWriterOptions,
  ossWriterRemarks,
  prefixOf,
  writerIgnored,
  writtenEncoding,
} from './objects/writer-options.ts'

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
