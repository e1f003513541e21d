import * as z from 'zod'
import { errorCodes } from '../errors/index.ts'

/** A line of `dirty/<run>/….jsonl`: what was rejected, where it stood, and why (design §4.7). */
export const DirtyRecord = z.object({
  /** The piece of work that met it: with `record`, its name within the run. */
  piece: z.string(),
  /** `oss://bucket/key` or the chunk's own name. */
  source: z.string(),
  /** Counted from 1, header lines left out. */
  record: z.number().int(),
  /** Byte offset in the source object; null where a record has none, as in a file of columns. */
  offset: z.number().int().nullable(),
  /** Of the whole record, line end included. */
  bytes: z.number().int(),
  column: z.string().nullable(),
  code: z.enum(errorCodes),
  sqlstate: z.string().nullable(),
  reason: z.string(),
  /** The record as it lies in its source, or the beginning of a long one; Base64 where it is not UTF-8. */
  raw: z.string(),
  rawEncoding: z.enum(['utf8', 'base64']),
})
export type DirtyRecord = z.infer<typeof DirtyRecord>
