import { constantCells, recordsAtOnce } from './cells.ts'
import type { RecordColumn } from './flat-column.ts'
import type { RecordJoiner } from './join-records.ts'

/** What a field of the records is made of: a column of the file, or a constant as COPY text. */
export type Field = RecordColumn | { readonly constant: Buffer }

/** Texts that all columns make at once, but for the last of each. */
const filledBytes = 2 * 1024 * 1024

interface Writing {
  readonly joiner: RecordJoiner
  readonly skip: number
  readonly rows: number
  readonly lent: boolean
}

/**
 * Records of one row group as COPY text, in pieces.
 * @param skip records that were taken before @param rows records to write
 * @param lent each piece is valid until the next is asked for
 */
export async function* writeRows(
  fields: readonly Field[],
  { joiner, skip, rows, lent }: Writing,
): AsyncGenerator<Buffer> {
  const columns = fields.filter((field): field is RecordColumn => !('constant' in field))
  const cells = fields.map((field) => ('constant' in field ? constantCells(field.constant) : field.cells))
  for (const column of columns) await column.skip(skip)
  joiner.begin()
  const piece = (bytes: Buffer) => (lent ? bytes : Buffer.from(bytes))
  for (let left = rows; left > 0; ) {
    for (const column of columns) if (column.ready() === 0) await column.load()
    const run = fill(columns, Math.min(left, recordsAtOnce))
    let written = joiner.add(cells, run)
    const isFull = written < run
    if (written === 0 && joiner.isEmpty()) {
      yield piece(joiner.alone(cells))
      written = 1
    }
    for (const column of columns) column.pass(written)
    left -= written
    if ((isFull || left === 0) && !joiner.isEmpty()) yield piece(joiner.take())
  }
}

/** @returns records of which all columns have cells */
function fill(columns: readonly RecordColumn[], most: number): number {
  let run = most
  for (const column of columns) run = Math.min(run, column.ready())
  for (const column of columns) {
    column.fill(run, filledBytes / columns.length)
    run = Math.min(run, column.cells.count)
  }
  return run
}
