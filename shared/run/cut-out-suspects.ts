import { setImmediate } from 'node:timers/promises'
import type { RecordBlock } from '../codecs/record-blocks.ts'
import type { RecordScanner } from '../codecs/record-ends.ts'

/** A part of a block. A suspect is a single record; of the others each is as long as may be. */
export interface ScreenedPart {
  readonly block: RecordBlock
  readonly isSuspect: boolean
}

export interface ScreenedBlock {
  readonly parts: readonly ScreenedPart[]
  /** Behind the last part, not looked at; null: nothing is. */
  readonly rest: RecordBlock | null
}

/** A look in steps, between which something else may be done. */
export type Look = Generator<void, ScreenedBlock | null>

/** A millisecond, in which a COPY lives on what is in its socket. */
const recordsInStep = 4096

/** All steps in one go. */
export function endOf(look: Look | null): ScreenedBlock | null {
  for (;;) {
    const step = look?.next()
    if (step === undefined) return null
    if (step.done === true) return step.value
  }
}

/** With a turn for whoever waits for the event loop behind each step. */
export async function endInSteps(look: Look | null): Promise<ScreenedBlock | null> {
  for (;;) {
    const step = look?.next()
    if (step === undefined) return null
    if (step.done === true) return step.value
    await setImmediate()
  }
}

interface CutOptions {
  readonly scanner: RecordScanner
  readonly isSuspect: (bytes: Buffer, start: number, end: number) => boolean
  readonly mostSuspects: number
}

/**
 * Cuts a block into its suspects and what lies between them, up to the last of `mostSuspects`.
 * @returns null: none of the records is suspect, or the block has not as many as it says
 */
export function* cutOut(whole: RecordBlock, { scanner, isSuspect, mostSuspects }: CutOptions): Look {
  const { bytes } = whole
  const ends = endsIn(bytes, scanner)
  if (ends.length !== whole.records) return null
  const parts: ScreenedPart[] = []
  let suspects = 0
  let [start, number] = [0, 0]
  let [partStart, partNumber] = [0, 0]
  const close = (end: number, count: number, suspect: boolean) => {
    if (count === partNumber) return
    parts.push({ block: between(whole, [partStart, partNumber], [end, count]), isSuspect: suspect })
    ;[partStart, partNumber] = [end, count]
  }
  for (; number < ends.length && suspects < mostSuspects; number += 1) {
    const end = ends[number] as number
    if (isSuspect(bytes, start, end)) {
      suspects += 1
      close(start, number, false)
      close(end, number + 1, true)
    }
    start = end
    if (number % recordsInStep === 0) yield
  }
  if (suspects === 0) return null
  close(start, number, false)
  const isAll = number === whole.records
  return { parts, rest: isAll ? null : between(whole, [start, number], [bytes.length, whole.records]) }
}

/** Behind each record, the last of which may have no line end. */
function endsIn(bytes: Buffer, scanner: RecordScanner): Int32Array {
  const { count, places } = scanner.find(bytes)
  const ends = places.subarray(0, count)
  if ((ends.at(-1) ?? 0) === bytes.length) return ends
  const withLast = new Int32Array(count + 1)
  withLast.set(ends)
  withLast[count] = bytes.length
  return withLast
}

type PlaceInBlock = readonly [bytes: number, records: number]

const between = (whole: RecordBlock, [start, first]: PlaceInBlock, [end, last]: PlaceInBlock): RecordBlock => ({
  ...whole,
  bytes: whole.bytes.subarray(start, end),
  records: last - first,
  before: { records: whole.before.records + first, bytes: whole.before.bytes + start },
})
