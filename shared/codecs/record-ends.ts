import { createCsvScanner, type OnRecordEnd } from './csv-scan.ts'
import type { Encoding } from './encoding.ts'

/** Finds record ends in the bytes of either encoding. */
export interface RecordScanner {
  scan(piece: Buffer, onEnd: OnRecordEnd): void
  isInQuotes(): boolean
}

const lf = 0x0a

/** In COPY text a line feed byte always ends a record: those of the data are written `\n`. */
export function createRecordScanner(encoding: Encoding, newline: number = lf): RecordScanner {
  if (encoding.format === 'csv') return createCsvScanner(encoding, newline)
  return {
    isInQuotes: () => false,
    scan(piece, onEnd) {
      for (let at = piece.indexOf(lf); at !== -1; at = piece.indexOf(lf, at + 1)) onEnd(at + 1)
    },
  }
}
