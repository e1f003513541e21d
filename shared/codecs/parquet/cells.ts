/** Texts one behind the other: that of place i ends where that of place i + 1 starts. */
export interface Texts {
  readonly text: Buffer
  readonly starts: Int32Array
  readonly count: number
}

/**
 * Fields of one column as COPY text, of the next records in a row: that of record i, from 0, is the text of place
 * `places[at + i]`, or NULL where the place is below 0. They are written over as the column goes on.
 */
export interface Cells {
  texts: Texts
  /** The same texts are used for many records: a dictionary. */
  areKept: boolean
  places: Int32Array
  at: number
  /** Records whose fields are there. */
  count: number
}

/** So many records are written at once. */
export const recordsAtOnce = 512

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function emptyCells(): Cells {
  const texts = { text: Buffer.alloc(0), starts: new Int32Array(1), count: 0 }
  return { texts, areKept: false, places: new Int32Array(0), at: 0, count: 0 }
}

/** @param constant as COPY text */
export function constantCells(constant: Buffer): Cells {
  const texts = { text: constant, starts: Int32Array.of(0, constant.length), count: 1 }
  return { texts, areKept: true, places: new Int32Array(recordsAtOnce), at: 0, count: recordsAtOnce }
}

const nullBytes = 2

/** Of the field of the next record. */
export function lengthOfNext({ texts: { starts }, places, at }: Cells): number {
  const place = places[at] as number
  return place < 0 ? nullBytes : (starts[place + 1] as number) - (starts[place] as number)
}
