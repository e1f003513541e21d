import { csvFieldFinder } from './csv-fields.ts'
import type { CopyEncoding, CsvEncoding, TextEncoding } from './encoding.ts'

/** Text of bytes in the charset of the records. @throws TypeError for bytes that are not of it */
export type Decode = (bytes: Buffer) => string

/** The fields of one record, with or without its line end; null is NULL. Valid for any record that COPY would take. */
export type ReadFields = (record: Buffer) => (string | null)[]

export function fieldReader(encoding: CopyEncoding, newline: number, decode: Decode): ReadFields {
  return encoding.format === 'csv' ? csvReader(encoding, newline, decode) : textReader(encoding, decode)
}

function csvReader(encoding: CsvEncoding, newline: number, decode: Decode): ReadFields {
  const findFields = csvFieldFinder(encoding, newline)
  return (record) => {
    const found = findFields(record, 0, record.length)
    const fields: (string | null)[] = []
    for (let index = 0; index < found.count; index += 1)
      fields.push(csvField(decode(record.subarray(found.starts[index], found.ends[index])), encoding))
    return fields
  }
}

/** By the rules of CopyReadAttributesCSV in PostgreSQL's copy.c: a quote toggles wherever it stands. */
function csvField(field: string, { quote, escape: escaping, null: nullText }: CsvEncoding): string | null {
  if (!field.includes(quote)) return field === nullText ? null : field
  let text = ''
  let inQuotes = false
  for (let at = 0; at < field.length; at += 1) {
    const sign = field[at] ?? ''
    const next = field[at + 1]
    if (inQuotes && sign === escaping && (next === quote || next === escaping)) {
      text += next
      at += 1
    } else if (sign === quote) inQuotes = !inQuotes
    else text += sign
  }
  return text
}

const meanings: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** Octal and hexadecimal escapes are left out: no COPY TO and none of our readers writes them. */
function textReader({ delimiter, null: nullText }: TextEncoding, decode: Decode): ReadFields {
  return (record) => {
    const line = record.at(-1) === 0x0a ? record.subarray(0, -1) : record
    return decode(line)
      .split(delimiter)
      .map((field) => {
        if (field === nullText) return null
        return field.includes('\\') ? field.replaceAll(/\\(.)/gs, (_, sign: string) => meanings[sign] ?? sign) : field
      })
  }
}
