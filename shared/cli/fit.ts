import Table from 'cli-table3'

/**
 * Breaks the lines of a text between words, so that each fits. What goes on begins `indent` columns in. A word that is longer
 * than a line stays whole: paths and addresses are there to be copied.
 */
export function wrapped(text: string, width: number, indent = 0): string {
  return text
    .split('\n')
    .map((line) => wrappedLine(line, width, indent))
    .join('\n')
}

function wrappedLine(line: string, width: number, indent: number): string {
  const lines: string[] = []
  let rest = line
  while (columnsOf(rest) > width) {
    const from = Math.max(indent, rest.search(/\S/)) + 1
    const fits = rest.lastIndexOf(' ', width)
    const cut = fits >= from ? fits : rest.indexOf(' ', from)
    if (cut < 0) break
    lines.push(rest.slice(0, cut).trimEnd())
    rest = ' '.repeat(indent) + rest.slice(cut).trimStart()
  }
  return [...lines, rest].join('\n')
}

/** Borders of a table, and the space on both sides of each cell. */
const bordersOf = (columns: number) => 3 * columns + 1
/** Below this a column cannot be read any more. */
const leastColumn = 6

/** A table that fits the terminal: the widest columns are folded, and nothing is left out. */
export function fittedTable(head: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const cells = rows.map((row) => row.map(printable))
  const natural = head.map((title, index) =>
    Math.max(...[title, ...cells.map((row) => row[index] ?? '')].flatMap((cell) => cell.split('\n')).map(columnsOf)),
  )
  const widths = narrowed(natural, width - bordersOf(head.length))
  const folded = (row: readonly string[]) => row.map((cell, index) => fold(cell, widths[index] ?? leastColumn))
  const table = new Table({ head: folded(head), style: { head: [], border: [] } })
  for (const row of cells) table.push(folded(row))
  return table.toString()
}

/** Takes from the widest column until all fit, or none can be narrower. */
function narrowed(natural: readonly number[], width: number): number[] {
  const widths = [...natural]
  let over = widths.reduce((total, one) => total + one, 0) - width
  for (let most = Math.max(...widths); over > 0 && most > leastColumn; most = Math.max(...widths)) {
    widths[widths.indexOf(most)] = most - 1
    over -= 1
  }
  return widths
}

function fold(cell: string, width: number): string {
  return cell
    .split('\n')
    .flatMap((line) => foldLine(line, width))
    .join('\n')
}

function foldLine(line: string, width: number): string[] {
  const lines = ['']
  let used = 0
  for (const sign of line) {
    const columns = columnsOf(sign)
    if (used + columns > width) {
      lines.push('')
      used = 0
    }
    lines[lines.length - 1] += sign
    used += columns
  }
  return lines
}

/** A tab or an escape sequence of a value would move the terminal's cursor. */
const printable = (cell: string) =>
  cell.replaceAll(/\p{Cc}/gu, (sign) =>
    sign === '\n' ? sign : `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )

/** Signs that take two columns of a terminal (Unicode's East Asian Width, its large blocks). */
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/gu

const columnsOf = (text: string) => [...text].length + (text.match(wide)?.length ?? 0)
