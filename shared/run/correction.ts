import * as z from 'zod'
import { encodeCopyText } from '../codecs/copy-text.ts'
import { type Issue, issueWords, memberAt, TransferError } from '../errors/index.ts'
import { stepsOf } from '../job/issue-faults.ts'
import { jsonFault, placeInText, type TextPlace } from '../job/script-text.ts'
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
 * @throws usage/invalid with line, column and what is wrong, a line for each fault
 */
export function parseCorrections(text: string): Corrections {
  const found = new Map<string, Correction>()
  const faults: PlacedFault[] = []
  for (const entry of entriesOf(text, faults)) {
    const parsed = Correction.safeParse(entry.value)
    if (!parsed.success) {
      for (const issue of parsed.error.issues)
        faults.push({ ...entry.placeOf(issue.path), says: saysOf(issue, entry.value) })
      if (faults.length >= mostFaults) break
      continue
    }
    const { piece, record } = parsed.data
    const name = nameOf(parsed.data)
    if (found.has(name))
      faults.push({ ...entry.placeOf([]), says: `piece ${piece} record ${record} stands here a second time` })
    found.set(name, parsed.data)
  }
  const [first] = faults
  if (first === undefined) return found
  const lines = faults
    .slice(0, mostFaults)
    .map(({ line, column, says }) => `corrections, line ${line}, column ${column}: ${says}`)
  throw new TransferError('usage/invalid', lines.join('\n'), {
    faults: faults.length,
    line: first.line,
    column: first.column,
  })
}

/** More would not be read. */
const mostFaults = 20

interface PlacedFault extends TextPlace {
  readonly says: string
}

interface Entry {
  readonly value: unknown
  /** Looked up for a fault alone: it costs a second reading of the text. */
  placeOf(path: readonly PropertyKey[]): TextPlace
}

const saysOf = (issue: Issue, value: unknown) =>
  `${issue.path.map(String).join('.') || 'it'} ${issueWords(issue, memberAt(value, issue.path))}`

function entriesOf(text: string, faults: PlacedFault[]): Entry[] {
  const isList = text.trimStart().startsWith('[')
  if (isList) {
    const [list] = parsed(text, 1, faults)
    return (Array.isArray(list) ? list : []).map((value: unknown, index) => ({
      value,
      placeOf: (path) => placeInText(text, [index, ...stepsOf(path)]),
    }))
  }
  return text.split('\n').flatMap((one, index) => {
    if (one.trim() === '') return []
    const placeOf: Entry['placeOf'] = (path) => ({ ...placeInText(one, stepsOf(path)), line: index + 1 })
    return parsed(one, index + 1, faults).map((value) => ({ value, placeOf }))
  })
}

/** None where a fault says why. */
function parsed(text: string, firstLine: number, faults: PlacedFault[]): unknown[] {
  try {
    return [JSON.parse(text) as unknown]
  } catch {
    const { line, column, reason } = jsonFault(text)
    faults.push({ line: firstLine + line - 1, column, says: `is not JSON: ${reason}` })
    return []
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
