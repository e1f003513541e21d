import { TransferError } from '../../errors/index.ts'
import type { Cut, Cutter } from '../cut.ts'
import { arrayScanner } from './scan-array.ts'

export interface ArrayCutOptions {
  /** Bytes of the object up to its opening bracket, and with it. */
  readonly start: number
  readonly targetBytes: number
}

/**
 * Reads an object that holds one JSON array, from behind its opening bracket, and says where chunks of about `targetBytes`
 * begin: always at an element. The last cut is the closing bracket; offsets count from where the reading begins. Of an array
 * whose elements cannot be told from one another, no record could be named, so that fails the plan.
 * @throws source/malformed
 */
export function createArrayCutter({ start, targetBytes }: ArrayCutOptions): Cutter {
  const scanner = arrayScanner()
  const cuts: Cut[] = [{ offset: 0, records: 0 }]
  let base = 0
  let records = 0
  let elementStart = 0
  let nextCut = targetBytes
  let closedAt: number | null = null

  const refuse = (what: string, offset: number) => {
    const at = start + offset
    return new TransferError('source/malformed', `${what} (byte ${at}, element ${records + 1})`, { offset: at })
  }
  const refuseBehind = (at: number) => {
    if (closedAt !== null) throw refuse('something lies behind the end of the array', base + at)
  }
  return {
    add(piece) {
      scanner.scan(piece, {
        onComma(at, isEmpty) {
          refuseBehind(at)
          if (isEmpty) throw refuse('an element of the array is missing', base + at)
          records += 1
          elementStart = base + at + 1
          if (elementStart < nextCut) return
          cuts.push({ offset: elementStart, records })
          nextCut = elementStart + targetBytes
        },
        onClose(at, isEmpty) {
          refuseBehind(at)
          if (isEmpty && records > 0) throw refuse('an element of the array is missing', base + at)
          if (!isEmpty) records += 1
          closedAt = base + at
        },
      })
      base += piece.length
    },
    end() {
      if (closedAt === null)
        throw refuse('the array is not closed at the end of the object; its last element begins', elementStart)
      if (!scanner.isEmpty()) throw refuse('something lies behind the end of the array', closedAt + 1)
      if (records > 0) cuts.push({ offset: closedAt, records })
      return { cuts }
    },
  }
}
