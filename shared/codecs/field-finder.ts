import { type CsvFields, csvFieldFinder, growFields, noFields } from './csv-fields.ts'
import type { CopyEncoding } from './encoding.ts'

/** Where the fields of one record lie, by COPY's rules. The answer is valid until the next call. */
export type FindFields = (bytes: Buffer, start: number, end: number) => CsvFields

export function fieldFinder(encoding: CopyEncoding, newline: number): FindFields {
  return encoding.format === 'csv' ? csvFieldFinder(encoding, newline) : textFieldFinder(encoding.delimiter)
}

const lineFeed = 0x0a

/** In COPY text a delimiter byte always ends a field: those of the data are written `\t`. */
function textFieldFinder(delimiterText: string): FindFields {
  const delimiter = delimiterText.charCodeAt(0)
  const found = noFields()
  return (bytes, start, end) => {
    const lineEnd = end > start && bytes[end - 1] === lineFeed ? end - 1 : end
    let count = 0
    let fieldStart = start
    for (let at = start; at < lineEnd; at += 1) {
      if (bytes[at] !== delimiter) continue
      if (count + 1 === found.starts.length) growFields(found)
      found.starts[count] = fieldStart
      found.ends[count] = at
      count += 1
      fieldStart = at + 1
    }
    found.starts[count] = fieldStart
    found.ends[count] = lineEnd
    found.count = count + 1
    found.lineEnd = lineEnd
    return found
  }
}
