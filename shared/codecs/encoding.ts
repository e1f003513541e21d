import * as z from 'zod'

/**
 * How rows lie in bytes, in the words of COPY where it has them, so that the same value describes a file, a staged chunk
 * and a statement. Single-byte delimiter, quote and escape: COPY takes no more.
 */
export const CsvEncoding = z.object({
  format: z.literal('csv'),
  delimiter: z.string().length(1),
  quote: z.string().length(1),
  escape: z.string().length(1),
  /** What an unquoted field must be to mean NULL. COPY's default is the empty string. */
  null: z.string(),
  charset: z.string(),
  /** false: no field holds a newline, so that each one ends a record, and a file can be cut anywhere. */
  multiLine: z.boolean().optional(),
})

/** COPY text: tab, `\N`, backslash escapes; a newline byte always ends a record. */
export const TextEncoding = z.object({
  format: z.literal('text'),
  delimiter: z.string().length(1),
  null: z.string(),
  charset: z.string(),
})

/** One JSON object a line (jsonlines.org). No COPY takes it: it is rewritten on its way. */
export const JsonLinesEncoding = z.object({ format: z.literal('jsonl'), charset: z.string() })

export const Encoding = z.discriminatedUnion('format', [CsvEncoding, TextEncoding, JsonLinesEncoding])
export type CsvEncoding = z.infer<typeof CsvEncoding>
export type TextEncoding = z.infer<typeof TextEncoding>
export type JsonLinesEncoding = z.infer<typeof JsonLinesEncoding>
/** What COPY can be told of. */
export type CopyEncoding = CsvEncoding | TextEncoding
export type Encoding = z.infer<typeof Encoding>

export const defaultCsv: CsvEncoding = {
  format: 'csv',
  delimiter: ',',
  quote: '"',
  escape: '"',
  null: '',
  charset: 'utf-8',
}
export const copyText: TextEncoding = { format: 'text', delimiter: '\t', null: '\\N', charset: 'utf-8' }
export const jsonLines: JsonLinesEncoding = { format: 'jsonl', charset: 'utf-8' }
