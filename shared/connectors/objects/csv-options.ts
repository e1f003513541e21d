import * as z from 'zod'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import { canDecode } from '../../codecs/to-utf8.ts'
import { copyRefusal, serverCharset } from '../../load/copy-rules.ts'
import { choice, count, flag, foldedNames, notYet, optionalText } from '../options/fields.ts'
import { compressions } from './packed-files.ts'

/** `\t` and `\u0001` are often written as text in scripts. */
const spelled = (value: unknown) => {
  if (typeof value !== 'string') return value
  if (value === '\\t') return '\t'
  const code = /^\\[ux]([0-9a-f]{2,4})$/i.exec(value)?.[1]
  return code === undefined ? value : String.fromCharCode(Number.parseInt(code, 16))
}

export const delimiterOption = () =>
  z.preprocess(
    (value) => (value === '' || value === null ? undefined : spelled(value)),
    z.string().length(1, 'fieldDelimiter must be one character').default(','),
  )

const untouched = 'files are given to COPY as they lie'

/** The bean properties of javacsv (dataworks-datax.md §3.5). What COPY does by itself is accepted, the rest refused. */
export const CsvReaderConfig = z
  .strictObject({
    textQualifier: z.string().length(1).optional().describe('The quote; `"` when unset.'),
    escapeMode: z.coerce
      .number()
      .int()
      .min(1)
      .max(2)
      .optional()
      .describe('1: a quote within quotes is doubled. 2: it has a backslash before it.'),
    useTextQualifier: notYet('COPY always honours quotes; a file without them reads the same', [true, 'true']),
    useComments: notYet(`comment lines are not left out: ${untouched}`, [false, 'false']),
    trimWhitespace: notYet(`fields are not trimmed: ${untouched}`, [false, 'false']),
    recordDelimiter: notYet('records end with a newline, also with \\r\\n amid \\n', [0, '0', '\n', '\r\n', '\u0000']),
    delimiter: notYet('set fieldDelimiter instead'),
    skipEmptyRecords: notYet(`empty lines are not left out, they are dirty: ${untouched}`, [false, 'false']),
    safetySwitch: z.unknown().describe('Without meaning here: `maxRecordBytes` bounds a record.'),
    caseSensitive: z.unknown().describe('Without meaning here.'),
    captureRawRecord: z.unknown().describe('Without meaning here: a dirty record is always kept as it lies.'),
    comment: z.unknown().describe('Without meaning unless comments are used, which they cannot be.'),
  })
  .partial()

const csvReaderNames = Object.keys(CsvReaderConfig.shape)

/** What an unquoted field must be to mean NULL. Here `""` is a value: empty fields are NULL. */
export const nullText = () =>
  z.preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string().nullish())

export const csvReaderShape = {
  fieldDelimiter: delimiterOption().describe('One character of one byte; `\\t` and `\\u0001` may be spelled out.'),
  encoding: optionalText()
    .refine(
      (charset) => charset === undefined || serverCharset(charset) !== null || canDecode(charset),
      'is a charset that nobody here knows; UTF-8, UTF-16, GBK, GB18030, Big5, Shift_JIS and Latin-1 are some that are',
    )
    .describe(
      'Charset of the file, by its usual names; UTF-8 when unset. The server converts what COPY takes (UTF-8, GBK, GB2312, GB18030, Big5, Latin-1, windows-1252); others, such as UTF-16, are decoded while the file is read from its beginning.',
    ),
  /** Unset: an empty unquoted field is NULL, a quoted one an empty text. */
  nullFormat: nullText().describe(
    'What an unquoted field must be to mean NULL. Unset: an empty one is NULL, and `""` is an empty text.',
  ),
  multiLine: flag(true).describe(
    '`false`: no field holds a newline. Files are then cut without being read first; a newline in quotes makes two dirty records.',
  ),
  skipHeader: flag(false).describe('The first record of each file is its header, which `mapping` reads.'),
  csvReaderConfig: z
    .preprocess(
      (value) => (value === null || value === '' ? undefined : foldedNames(csvReaderNames)(value)),
      CsvReaderConfig.optional(),
    )
    .describe('The properties of the CSV parser of DataX. What COPY does by itself is taken, the rest refused.'),
  compress: choice(compressions, {
    otherwise: 'auto',
    aliases: { gz: 'gzip', zst: 'zstd' },
    refused: Object.fromEntries(
      ['bzip2', 'bz2', 'lzo', 'lzo_deflate', 'hadoop-snappy', 'framing-snappy', 'snappy'].map((name) => [
        name,
        `${name} is not read: pack the files with gzip or zstd`,
      ]),
    ),
  }).describe(
    '`gzip` (several members too), `zstd`, or `zip`, of which each entry is a file of its own. `auto`: by the end of the key (`.gz`, `.zst`, `.zip`), where the first bytes agree.',
  ),
  maxInflateRatio: count({ min: 1, max: 1_000_000, otherwise: 200 }).describe(
    'Inflated bytes for each compressed one, above 1 GiB in all: what holds more ends the run. Our own option.',
  ),
  lineDelimiter: notYet('records end with \\n, \\r\\n or \\r, and \\n and \\r\\n may be mixed', [
    '\n',
    '\r\n',
    '\r',
    '\\n',
    '\\r\\n',
  ]),
}
type CsvReaderOptions = z.infer<z.ZodObject<typeof csvReaderShape>>

export function encodingOf(options: CsvReaderOptions): CsvEncoding {
  const quote = options.csvReaderConfig?.textQualifier ?? '"'
  return {
    format: 'csv',
    delimiter: options.fieldDelimiter,
    quote,
    escape: options.csvReaderConfig?.escapeMode === 2 ? '\\' : quote,
    null: options.nullFormat ?? '',
    charset: decodedCharset(options) === null ? (options.encoding ?? 'utf-8') : 'utf-8',
    ...(options.multiLine ? {} : { multiLine: false }),
  }
}

/** The charset that has to be decoded before COPY sees the file; null: none. */
export const decodedCharset = ({ encoding }: Pick<CsvReaderOptions, 'encoding'>): string | null =>
  encoding === undefined || serverCharset(encoding) !== null ? null : encoding

/** A check of an options schema: what COPY would refuse for every file is refused while the job is parsed. */
export function refuseWhatCopyRefuses(options: CsvReaderOptions, context: z.core.$RefinementCtx): void {
  const reason = copyRefusal(encodingOf(options))
  if (reason !== null) context.addIssue({ code: 'custom', message: reason })
}
