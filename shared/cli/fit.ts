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

/**
 * A table that fits the terminal: the widest columns are folded, and nothing is left out.
 * @param whole columns that are never folded: a run's id is there to be copied
 */
export function fittedTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number,
  whole: readonly string[] = [],
): string {
  const cells = rows.map((row) => row.map(printable))
  const natural = head.map((title, index) =>
    cells.reduce((most, row) => Math.max(most, widestLine(row[index] ?? '')), columnsOf(title)),
  )
  const least = natural.map((columns, index) => (whole.includes(head[index] ?? '') ? columns : leastColumn))
  const widths = narrowed(natural, least, width - bordersOf(head.length))
  const rule = (left: string, middle: string, right: string) =>
    `${left}${widths.map((columns) => '─'.repeat(columns + 2)).join(middle)}${right}`
  // Drawn by hand: cli-table3 overflows the stack at 100,000 rows, and cuts what it measures otherwise than we do.
  const drawn = [head, ...cells].map((row) => drawRow(row, widths)).join(`\n${rule('├', '┼', '┤')}\n`)
  return [rule('┌', '┬', '┐'), drawn, rule('└', '┴', '┘')].join('\n')
}

function drawRow(row: readonly string[], widths: readonly number[]): string {
  const folded = widths.map((width, index) => fold(row[index] ?? '', width))
  const height = folded.reduce((most, lines) => Math.max(most, lines.length), 1)
  const lineAt = (at: number) =>
    folded.map((lines, index) => {
      const text = lines[at] ?? ''
      return text + ' '.repeat(Math.max(0, (widths[index] ?? 0) - columnsOf(text)))
    })
  return Array.from({ length: height }, (_, at) => `│ ${lineAt(at).join(' │ ')} │`).join('\n')
}

const widestLine = (cell: string) => cell.split('\n').reduce((most, line) => Math.max(most, columnsOf(line)), 0)

/** Takes from the widest column that may be narrower, until all fit. */
function narrowed(natural: readonly number[], least: readonly number[], width: number): number[] {
  const widths = [...natural]
  let over = widths.reduce((total, one) => total + one, 0) - width
  for (; over > 0; over -= 1) {
    const spare = widths.map((columns, index) => (columns > (least[index] ?? columns) ? columns : 0))
    const widest = Math.max(...spare)
    if (widest === 0) break
    widths[spare.indexOf(widest)] = widest - 1
  }
  return widths
}

const fold = (cell: string, width: number): string[] => cell.split('\n').flatMap((line) => foldLine(line, width))

/** Behind a space or a separator of addresses where one is near, else where the width ends. */
function foldLine(line: string, width: number): string[] {
  if (columnsOf(line) <= width) return [line]
  const lines: string[] = []
  let held = ''
  for (const sign of line) {
    if (columnsOf(held + sign) > width) {
      const at = /^.*[ /.,:;@]/su.exec(held)?.[0].length ?? 0
      const cut = at > held.length / 2 ? at : held.length
      lines.push(held.slice(0, cut))
      held = held.slice(cut)
    }
    held += sign
  }
  return [...lines, held]
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
