import { type CopyOutput, makeRoom, openOutput } from './copy-output.ts'
import type { RecordColumn } from './flat-column.ts'

/** What a field of the records is made of: a column of the file, or a constant as COPY text. */
export type Field = RecordColumn | { readonly constant: Buffer }

/** What pg-copy-streams is fastest with (perf.md §2b). */
const pieceBytes = 256 * 1024
/** Of a field without texts: a timestamp with its zone is the longest. */
const fieldRoom = 64

/**
 * Records of one row group as COPY text, in pieces.
 * @param skip records that were taken before @param rows records to write
 * @param lent each piece is valid until the next is asked for
 */
export async function* writeRows(
  fields: readonly Field[],
  { skip, rows, lent }: { readonly skip: number; readonly rows: number; readonly lent: boolean },
): AsyncGenerator<Buffer> {
  const columns = fields.filter((field): field is RecordColumn => !('constant' in field))
  for (const column of columns) await column.skip(skip)
  let out = openOutput(pieceBytes + 16 * 1024)
  for (let left = rows; left > 0; ) {
    for (const column of columns) if (column.ready() === 0) await column.load()
    const run = columns.reduce((least, column) => Math.min(least, column.ready()), left)
    const written = writeRun(fields, run, out)
    left -= written
    if (out.at < pieceBytes && left > 0) continue
    yield out.bytes.subarray(0, out.at)
    if (lent) out.at = 0
    else out = openOutput(pieceBytes + 16 * 1024)
  }
}

const tab = 0x09
const lineFeed = 0x0a

/** @returns records that were written: all, or as many as fill a piece */
function writeRun(fields: readonly Field[], run: number, out: CopyOutput): number {
  const room = fieldRoom * fields.length + 1
  let written = 0
  while (written < run && out.at < pieceBytes) {
    makeRoom(out, room)
    for (let index = 0; index < fields.length; index += 1) {
      if (index > 0) out.bytes[out.at++] = tab
      const field = fields[index] as Field
      if ('constant' in field) writeConstant(field.constant, out)
      else field.write(out)
    }
    makeRoom(out, 1)
    out.bytes[out.at++] = lineFeed
    written += 1
  }
  return written
}

function writeConstant(constant: Buffer, out: CopyOutput): void {
  makeRoom(out, constant.length + fieldRoom)
  out.at += constant.copy(out.bytes, out.at)
}
