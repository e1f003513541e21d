export const tableOfRows = '(id bigint, customer text, amount numeric(12,2), day date, note text)'

export interface Rows {
  readonly bytes: Buffer
  readonly count: number
}

/** CSV of about this many bytes. @param firstId of ids that count up */
export function rowsOfBytes(bytes: number, firstId: number): Rows {
  const pieces: Buffer[] = []
  let [size, count] = [0, 0]
  while (size < bytes) {
    const piece = linesOf(firstId + count, 10_000)
    pieces.push(piece)
    size += piece.length
    count += 10_000
  }
  return { bytes: Buffer.concat(pieces), count }
}

function linesOf(firstId: number, count: number): Buffer {
  const lines: string[] = []
  for (let id = firstId; id < firstId + count; id += 1) lines.push(lineOf(id, String((id % 100_000) / 100)))
  return Buffer.from(lines.join(''))
}

function lineOf(id: number, amount: string): string {
  const day = String((id % 28) + 1).padStart(2, '0')
  return `${id},customer ${id % 9973},${amount},2026-01-${day},"note ${id} ${'x'.repeat(id % 60)}"\n`
}

/** As many records with an amount that is no number where `isBad` says so. */
export function rowsWithBad(count: number, isBad: (id: number) => boolean): Rows {
  const pieces: Buffer[] = []
  for (let first = 0; first < count; first += 10_000) {
    const lines: string[] = []
    for (let id = first; id < Math.min(count, first + 10_000); id += 1)
      lines.push(lineOf(id, isBad(id) ? 'twelve' : String((id % 100_000) / 100)))
    pieces.push(Buffer.from(lines.join('')))
  }
  return { bytes: Buffer.concat(pieces), count }
}
