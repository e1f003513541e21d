import { openProgram } from './open-program.ts'

/** Fields that lie one behind the other, which are copied with the delimiters between them; or a constant. */
export type Part =
  | { readonly first: number; readonly last: number; readonly constant: null }
  | { readonly first: -1; readonly last: -1; readonly constant: Buffer }

export interface PartsOfRecords {
  readonly parts: readonly Part[]
  /** So many fields are needed for them. */
  readonly needed: number
  /** And so many a record must have; null when that is not known. */
  readonly width: number | null
  /** What a record needs at most is `factor` times its bytes, and `more`. */
  readonly room: { readonly factor: number; readonly more: number }
  readonly bytes: { readonly quote: number; readonly delimiter: number; readonly newline: number }
  /** A newline ends a record in quotes too. */
  readonly endsInQuotes: boolean
}

export interface Projected {
  readonly records: number
  /** Into `out`, from its start. */
  readonly written: number
  /** The record behind those has other fields. */
  readonly isRefused: boolean
}

/** Writes what it can of the first records of `bytes`. None: the first one is for the general way. */
export type ProjectRecords = (bytes: Buffer, out: Buffer) => Projected

/** @returns null: these parts have no room in the program */
export function recordProjector(wanted: PartsOfRecords): ProjectRecords | null {
  const { parts, needed, width, room, bytes: byte, endsInQuotes } = wanted
  const { calls, bytes: memory, numbers } = openProgram()
  const constants = Buffer.concat(parts.flatMap(({ constant }) => constant ?? []))
  if (parts.length > calls.mostParts.value || constants.length > calls.constantBytes.value) return null
  const table = tableOf(parts, calls.constants.value)
  return (bytes, out) => {
    const window = bytes.subarray(0, calls.inputBytes.value)
    memory.set(window, calls.input.value)
    memory.set(constants, calls.constants.value)
    numbers.set(table, calls.parts.value >> 2)
    const written = calls.project(
      window.length,
      byte.quote,
      byte.delimiter,
      byte.newline,
      parts.length,
      needed,
      width ?? -1,
      room.factor,
      room.more,
      endsInQuotes,
    )
    out.set(memory.subarray(calls.output.value, calls.output.value + written))
    return { records: calls.records.value, written, isRefused: calls.isRefused.value !== 0 }
  }
}

/** Three numbers each, as memory.ts says. */
function tableOf(parts: readonly Part[], constantsAt: number): Int32Array {
  let at = constantsAt
  const rows = parts.map((part) => {
    if (part.constant === null) return [part.first, part.last, 0]
    const row = [-1, at, part.constant.length]
    at += part.constant.length
    return row
  })
  return Int32Array.from(rows.flat())
}
