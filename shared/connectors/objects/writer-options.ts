import type * as z from 'zod'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import { canDecode } from '../../codecs/to-utf8.ts'
import { whenSound } from '../../errors/index.ts'
import { copyRefusal } from '../../load/copy-rules.ts'
import type { Remark } from '../contract.ts'
import { OssConnectionOption } from '../options/connections.ts'
import {
  choice,
  flag,
  notYet,
  oneText,
  optionalChoice,
  optionalText,
  parameters,
  texts,
  unsupportedIssue,
} from '../options/fields.ts'
import {
  bothIgnored,
  isForeign,
  laterFormats,
  noLeadingSlash,
  noOwnDomain,
  onlyColumnar,
  onlySql,
  onParquet,
  withoutEffect,
} from './both-options.ts'
import { delimiterOption, nullText } from './csv-options.ts'

export const writerIgnored: Readonly<Record<string, string>> = {
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
export const OssWriterOptions = parameters(
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
export type OssWriterOptions = z.infer<typeof OssWriterOptions>

export function prefixOf(
  options: Pick<OssWriterOptions, 'object' | 'path' | 'fileName' | 'fileFormat'>,
): string | null {
  const { object, path, fileName, fileFormat } = options
  if (object !== undefined || fileFormat !== 'parquet') return object ?? null
  const parts = [path?.replace(/^\/+|\/+$/g, ''), fileName?.replace(/^\/+/, '')]
  return parts.filter((part) => part !== undefined && part !== '').join('/') || null
}

export function writtenEncoding(options: {
  fieldDelimiter: string
  nullFormat?: string | null | undefined
}): CsvEncoding {
  const { fieldDelimiter: delimiter, nullFormat } = options
  return { format: 'csv', delimiter, quote: '"', escape: '"', null: nullFormat ?? '', charset: 'utf-8' }
}

export function ossWriterRemarks(options: OssWriterOptions): Remark[] {
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
