import type { CsvEncoding } from './encoding.ts'

/** One line as COPY TO writes it: quoted only where it must be, doubled quotes, `\n` at the end. */
export function encodeCsvRecord(fields: readonly (string | null)[], encoding: CsvEncoding): Buffer {
  return Buffer.from(`${fields.map((field) => encodeCsvField(field, encoding)).join(encoding.delimiter)}\n`)
}

/** Quoted where it would else be taken for NULL, for the end of the data, or for more than one field. */
export function encodeCsvField(
  field: string | null,
  { delimiter, quote, escape: escaping, null: nullText }: CsvEncoding,
): string {
  if (field === null) return nullText
  const special =
    field === nullText || field === '\\.' || [delimiter, quote, '\n', '\r'].some((one) => field.includes(one))
  if (!special) return field
  const inner = escaping === quote ? field : field.replaceAll(escaping, escaping + escaping)
  return quote + inner.replaceAll(quote, escaping + quote) + quote
}
