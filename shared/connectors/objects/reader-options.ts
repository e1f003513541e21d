import type * as z from 'zod'
import { whenSound } from '../../errors/index.ts'
import type { Remark } from '../contract.ts'
import { OssConnectionOption } from '../options/connections.ts'
import { choice, flag, notYet, parameters, recordBytes, texts } from '../options/fields.ts'
import {
  bothIgnored,
  isForeign,
  laterFormats,
  noLeadingSlash,
  noOwnDomain,
  onlyColumnar,
  onParquet,
  withoutEffect,
} from './both-options.ts'
import { csvReaderShape, encodingOf, refuseWhatCopyRefuses } from './csv-options.ts'
import { FileColumns, refuseForeignConstants, refuseKeysOfCsv } from './file-columns.ts'
import { refuseOfJson } from './json-columns.ts'

export const readerIgnored: Readonly<Record<string, string>> = {
  ...bothIgnored,
  bufferSize: 'objects are read in ranges of a fixed size',
  balanceThreshold: 'objects are cut into ranges, so large and small ones balance by themselves',
  blockSizeInByte: 'objects are cut into ranges by size, whatever their format',
  excelReaderConfig: 'it has a meaning only for excel',
  parquetSchema: 'a Parquet file says itself what its columns are',
}

/** dataworks-datax.md §3.5. `text` is read as csv: DataX reads both with one parser. */
export const OssReaderOptions = parameters(
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
export type OssReaderOptions = z.infer<typeof OssReaderOptions>

export function objectsOf({
  object,
  path,
  fileFormat,
}: Pick<OssReaderOptions, 'object' | 'path' | 'fileFormat'>): string[] {
  return object.length > 0 || fileFormat !== 'parquet' ? object : path.map((key) => key.replace(/^\/+/, ''))
}

export function ossReaderRemarks(options: OssReaderOptions): Remark[] {
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
