import * as z from 'zod'
import { encodeCopyText } from '../codecs/copy-text.ts'
import { TransferError } from '../errors/index.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'

/** A line of a corrected file: a dirty record with another `raw`, or with `fields` in the place of it. */
export const Correction = z.looseObject({
  piece: z.string(),
  record: z.number().int(),
  /** As it is to lie in the source, in its charset and with its delimiters. */
  raw: z.string().optional(),
  rawEncoding: z.enum(['utf8', 'base64']).default('utf8'),
  /** A text or null for each column of the writer, in its order. */
  fields: z.array(z.string().nullable()).optional(),
})
export type Correction = z.infer<typeof Correction>

/** Corrections by the name of their record within the run. */
export type Corrections = ReadonlyMap<string, Correction>

export const nameOf = ({ piece, record }: { piece: string; record: number }) => `${piece}/${record}`

/**
 * The text of a corrected file: JSON Lines, or one JSON list as `adbpg-sync dirty --json` prints it.
 * @throws usage/invalid with the line and what is wrong with it
 */
export function parseCorrections(text: string): Corrections {
  const found = new Map<string, Correction>()
  for (const { line, value } of entriesOf(text)) {
    const parsed = Correction.safeParse(value)
    if (!parsed.success) {
      const [issue] = parsed.error.issues
      throw invalid(line, `${issue?.path.join('.') || 'it'}: ${issue?.message}`)
    }
    const name = nameOf(parsed.data)
    if (found.has(name))
      throw invalid(line, `piece ${parsed.data.piece} record ${parsed.data.record} stands here a second time`)
    found.set(name, parsed.data)
  }
  return found
}

const invalid = (line: number, message: string) =>
  new TransferError('usage/invalid', `line ${line} of the corrections: ${message}`, { line })

function entriesOf(text: string): { line: number; value: unknown }[] {
  if (text.trimStart().startsWith('[')) {
    const list: unknown = parsed(text, 1)
    return (Array.isArray(list) ? list : []).map((value: unknown, index) => ({ line: index + 1, value }))
  }
  return text
    .split('\n')
    .map((one, index) => ({ line: index + 1, one }))
    .filter(({ one }) => one.trim() !== '')
    .map(({ line, one }) => ({ line, value: parsed(one, line) }))
}

function parsed(text: string, line: number): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The message of JSON.parse quotes the text, which may be anything.
    throw invalid(line, 'is not JSON')
  }
}

/** A dirty record as it is tried again. */
export interface Tried {
  readonly form: 'raw' | 'fields'
  readonly record: DirtyRecord
  /** null: of a long record only the beginning was kept. */
  readonly bytes: Buffer | null
}

export function asTried(record: DirtyRecord, correction: Correction | null): Tried {
  if (correction?.fields !== undefined) return { form: 'fields', record, bytes: encodeCopyText(correction.fields) }
  const raw = correction?.raw ?? record.raw
  const bytes = Buffer.from(raw, (correction?.raw === undefined ? record : correction).rawEncoding)
  // The line end is not in `raw`.
  const isWhole = raw !== record.raw || bytes.length >= record.bytes - 2
  return { form: 'raw', record, bytes: isWhole ? Buffer.concat([withoutLineEnd(bytes), Buffer.from('\n')]) : null }
}

function withoutLineEnd(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end -= 1
  return bytes.subarray(0, end)
}
