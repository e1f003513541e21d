import { createCsvScanner } from './csv-scan.ts'
import type { Encoding } from './encoding.ts'
import { lineScanner, type RecordScanner } from './simd/scanners.ts'

export type { RecordScanner } from './simd/scanners.ts'

const lineFeed = 0x0a

/** In COPY text a line feed byte always ends a record: those of the data are written `\n`. */
export function createRecordScanner(encoding: Encoding, newline: number = lineFeed): RecordScanner {
  return encoding.format === 'csv' ? createCsvScanner(encoding, newline) : lineScanner(lineFeed)
}
