import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

/** The types of TPC-H's lineitem, whose widths and quotes the rows below have as well: 128 bytes a row as CSV. */
export const lineitemColumns = [
  ['l_orderkey', 'bigint'],
  ['l_partkey', 'bigint'],
  ['l_suppkey', 'bigint'],
  ['l_linenumber', 'integer'],
  ['l_quantity', 'numeric(15,2)'],
  ['l_extendedprice', 'numeric(15,2)'],
  ['l_discount', 'numeric(15,2)'],
  ['l_tax', 'numeric(15,2)'],
  ['l_returnflag', 'char(1)'],
  ['l_linestatus', 'char(1)'],
  ['l_shipdate', 'date'],
  ['l_commitdate', 'date'],
  ['l_receiptdate', 'date'],
  ['l_shipinstruct', 'char(25)'],
  ['l_shipmode', 'char(10)'],
  ['l_comment', 'varchar(64)'],
] as const

/** Without autovacuum: its `analyze` of a case, half a second of CPU, would come in the one behind it, or in none. */
export const createLineitem = (table: string) => {
  const columns = lineitemColumns.map((column) => column.join(' ')).join(', ')
  return `create unlogged table ${table} (${columns}) with (autovacuum_enabled = false)`
}

export interface LineitemFile {
  readonly path: string
  readonly seed: number
  readonly rows: number
  readonly bytes: number
}

/** What a row is written as; `fields` are its texts in the order of the columns. */
export type WriteRow = (fields: readonly string[]) => string

const rowsAtOnce = 5_000

/**
 * Rows that depend on the seed alone, until there are enough. One in ten has a comment in quotes, with a comma; one in a
 * hundred doubles a quote in it; one in five hundred breaks the line there.
 */
export async function writeLineitem(
  path: string,
  options: {
    readonly seed: number
    readonly until: { readonly bytes: number } | { readonly rows: number }
    readonly write?: WriteRow
  },
): Promise<LineitemFile> {
  const { seed, until, write = csvRow } = options
  const next = randomNumbers(seed)
  let [rows, bytes] = [0, 0]
  const isEnough = () => ('bytes' in until ? bytes >= until.bytes : rows >= until.rows)
  const pieces = async function* () {
    while (!isEnough()) {
      let text = ''
      for (let index = 0; index < rowsAtOnce; index += 1) text += write(fieldsOf(rows + index, seed, next))
      const piece = Buffer.from(text)
      rows += rowsAtOnce
      bytes += piece.length
      yield piece
    }
  }
  await pipeline(pieces, createWriteStream(path))
  return { path, seed, rows, bytes }
}

function fieldsOf(row: number, seed: number, next: (below: number) => number): string[] {
  const order = seed * 100_000_000 + (row >> 2)
  const day = next(2500)
  return [
    String(order),
    String(1 + next(200_000)),
    String(1 + next(10_000)),
    String(1 + (row & 3)),
    `${1 + next(50)}.00`,
    `${900 + next(100_000)}.${twoDigits(next(100))}`,
    `0.${twoDigits(next(11))}`,
    `0.${twoDigits(next(9))}`,
    'ANR'.charAt(next(3)),
    'OF'.charAt(next(2)),
    dates[day] ?? '',
    dates[day + next(60)] ?? '',
    dates[day + next(30)] ?? '',
    instructions[next(instructions.length)] ?? '',
    modes[next(modes.length)] ?? '',
    commentOf(row, next),
  ]
}

function commentOf(row: number, next: (below: number) => number): string {
  const word = () => words[next(words.length)] ?? ''
  const plain = `${word()} ${word()} ${word()}`
  if (row % 500 === 7) return `${plain}\n${word()}`
  if (row % 100 === 3) return `${plain} "${word()}"`
  return row % 10 === 1 ? `${plain}, ${word()}` : plain
}

export const csvRow: WriteRow = (fields) => `${fields.map(csvField).join(',')}\n`

const csvField = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

const twoDigits = (number: number) => String(number).padStart(2, '0')

const instructions = ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN']
const modes = ['AIR', 'FOB', 'MAIL', 'RAIL', 'REG AIR', 'SHIP', 'TRUCK']
const words =
  'slyly bold deposits furious packages quick requests silent theodolites even accounts final pinto ironic foxes'.split(
    ' ',
  )

const dates = Array.from({ length: 2600 }, (_, day) => new Date(Date.UTC(1992, 0, 1 + day)).toISOString().slice(0, 10))

/** Mulberry32: small, seeded, and of a period that no file here comes to the end of. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}
