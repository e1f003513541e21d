import { TransferError } from '../errors/index.ts'

/** Of a file that ends inside a quoted field. @param at the record that is open: its number, and its first byte */
export function unclosedQuote({ record, offset }: { readonly record: number; readonly offset: number }): TransferError {
  const message = `the quote opened in record ${record}, which begins at byte ${offset}, is not closed at the end of the file`
  return new TransferError('source/unclosed-quote', message, { record, offset })
}
