import type { Encoding } from './encoding.ts'
import { createRecordScanner } from './record-ends.ts'
import { unclosedQuote } from './unclosed-quote.ts'

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
  readonly encoding: Encoding
  readonly newline: number
  readonly headerRecords: number
  readonly targetBytes: number
}

/**
 * Reads an object once and says where chunks of about `targetBytes` begin: always at a record, whatever newlines its
 * quoted fields hold. A record may be of any length here: no byte of it is kept.
 */
export function createCutter(options: CutOptions): Cutter {
  const { newline, headerRecords, targetBytes } = options
  const scanner = createRecordScanner(options.encoding, newline)
  const cuts: Cut[] = headerRecords === 0 ? [{ offset: 0, records: 0 }] : []
  let base = 0
  let records = 0
  let recordStart = 0
  let nextCut = headerRecords === 0 ? targetBytes : 0

  return {
    add(piece) {
      const { count, places } = scanner.find(piece)
      for (let index = 0; index < count; index += 1) {
        const end = base + (places[index] as number)
        records += 1
        if (records < headerRecords || (cuts.length > 0 && end < nextCut)) continue
        cuts.push({ offset: end, records })
        nextCut = end + targetBytes
      }
      if (count > 0) recordStart = base + (places[count - 1] as number)
      base += piece.length
    },
    end() {
      if (scanner.isInQuotes()) throw unclosedQuote({ record: records + 1, offset: recordStart })
      // A last record needs no newline.
      if (recordStart < base) records += 1
      if (cuts.at(-1)?.offset !== base && records > headerRecords) cuts.push({ offset: base, records })
      return { cuts }
    },
  }
}
