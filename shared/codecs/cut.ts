import { TransferError } from '../errors/index.ts'
import { createCsvScanner } from './csv-scan.ts'
import type { CsvEncoding } from './encoding.ts'

/** A place where a chunk may begin. */
export interface Cut {
  /** Bytes before it. */
  readonly offset: number
  /** Records that end before it, header lines included. */
  readonly records: number
}

export interface CutResult {
  /** The first cut is the start of the data behind the header, the last one the end of the object. */
  readonly cuts: readonly Cut[]
}

export interface Cutter {
  add(piece: Buffer): void
  /** @throws source/unclosed-quote */
  end(): CutResult
}

export interface CutOptions {
  readonly encoding: CsvEncoding
  readonly newline: number
  readonly headerRecords: number
  readonly targetBytes: number
  /** A longer record is refused: mostly it is an unclosed quote. */
  readonly maxRecordBytes: number
}

/**
 * Reads an object once and says where chunks of about `targetBytes` begin: always at a record, whatever newlines its
 * quoted fields hold.
 * @throws source/record-too-large with the number and offset of the record
 */
export function createCutter(options: CutOptions): Cutter {
  const { newline, headerRecords, targetBytes, maxRecordBytes } = options
  const scanner = createCsvScanner(options.encoding, newline)
  const cuts: Cut[] = headerRecords === 0 ? [{ offset: 0, records: 0 }] : []
  let base = 0
  let records = 0
  let recordStart = 0
  let nextCut = headerRecords === 0 ? targetBytes : 0

  const refuseLong = (end: number) => {
    if (end - recordStart <= maxRecordBytes) return
    const message = `record ${records + 1} at byte ${recordStart} is longer than ${maxRecordBytes} bytes`
    throw new TransferError('source/record-too-large', message, {
      record: records + 1,
      offset: recordStart,
      maxRecordBytes,
    })
  }

  return {
    add(piece) {
      scanner.scan(piece, (endInPiece) => {
        const end = base + endInPiece
        refuseLong(end)
        records += 1
        recordStart = end
        if (records < headerRecords || (cuts.length > 0 && end < nextCut)) return
        cuts.push({ offset: end, records })
        nextCut = end + targetBytes
      })
      base += piece.length
      refuseLong(base)
    },
    end() {
      if (scanner.isInQuotes()) throw unclosed(records + 1, recordStart)
      // A last record needs no newline.
      if (recordStart < base) records += 1
      if (cuts.at(-1)?.offset !== base && records > headerRecords) cuts.push({ offset: base, records })
      return { cuts }
    },
  }
}

function unclosed(record: number, offset: number): TransferError {
  const message = `the quote opened in record ${record}, which begins at byte ${offset}, is not closed at the end of the object`
  return new TransferError('source/unclosed-quote', message, { record, offset })
}
