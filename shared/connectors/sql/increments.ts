import { TransferError } from '../../errors/index.ts'
import type { Increment, Slice } from '../contract.ts'
import { type IncrementalOption, secondsOf } from '../options/incremental.ts'

/* What incremental reading is in every database: what is refused, how an increment lies in a slice, and its words. */

/** Slices carry their increment, so stages, retries and parts of a slice read the same rows as were planned. */
export const withIncrement = (slice: Slice, increment: Increment | null): Slice =>
  increment === null
    ? slice
    : {
        ...slice,
        markColumn: increment.column,
        markType: increment.type,
        low: increment.low,
        lowIncluded: increment.lowIncluded,
        high: increment.high,
      }

/** null: the slice is one of all rows. @throws event/invalid */
export function incrementOf(slice: Slice): Increment | null {
  const { markColumn: column, markType: type, low, lowIncluded, high } = slice
  if (column === undefined) return null
  const isText = (value: unknown) => typeof value === 'string'
  if (typeof column !== 'string' || typeof type !== 'string' || typeof high !== 'string')
    throw new TransferError('event/invalid', 'the increment of the slice is not one of this connector')
  if (!(low === null || isText(low)) || typeof lowIncluded !== 'boolean')
    throw new TransferError('event/invalid', 'the increment of the slice is not one of this connector')
  return { column, type, low: low as string | null, lowIncluded, high }
}

/** Bytes of `rows` of a table, by its estimates; all of them where nobody knows how many rows it has. */
export const shareOf = (bytes: number, rows: number, all: number): number =>
  all === 0 ? bytes : Math.ceil((bytes * Math.min(rows, all)) / all)

/** One condition of two; the author's text keeps its lines. */
export const bothConditions = (where: string | null, ours: string | null): string | null =>
  where === null || ours === null ? (where ?? ours) : `(\n${where}\n) and ${ours}`

export const incrementalRefusal = (what: string) =>
  new TransferError(
    'job/unsupported',
    `incremental cannot read by ${what}; it takes integers, decimals, dates, timestamps and texts, whose values are exact`,
    { parameter: 'incremental' },
  )

/** After such a mark no row would ever be new. */
export function refuseEndless(column: string, high: string | null): void {
  if (high === null || !/^(infinity|nan)$/i.test(high)) return
  const message = `the largest ${column} is ${high}, and nothing would be new after it: leave such rows out by \`where\``
  throw new TransferError('job/invalid', message, { column })
}

/** Up to where a `delay` lets read. `timeZone` null: the column knows its instant. null: as far as there are rows. */
export function horizonOf(
  { column, delay, timeZone }: IncrementalOption,
  clock: 'instant' | 'wall' | 'day' | null,
): { readonly seconds: number; readonly timeZone: string | null } | null {
  const seconds = delay === undefined ? null : secondsOf(delay)
  if (seconds === null) return null
  const refuse = (message: string) => new TransferError('job/invalid', message, { parameter: 'incremental' })
  if (clock === null) throw refuse(`incremental.delay needs a column of dates or times, which ${column} is not`)
  if (clock === 'instant') return { seconds, timeZone: null }
  if (timeZone !== undefined) return { seconds, timeZone }
  throw refuse(
    `incremental.delay needs timeZone, as ${column} does not say in which zone its clocks are: "+08:00" for Asia/Shanghai`,
  )
}

export const nothingLater = ({ delay }: IncrementalOption): string =>
  delay === undefined ? 'there is no row behind it' : `there is no row behind it that is older than ${delay}`

export function whyOf({ nullable }: { readonly nullable: boolean }, { column, delay }: IncrementalOption): string {
  const upTo = delay === undefined ? 'the largest value there is' : `the largest value that is older than ${delay}`
  const nulls = nullable ? `; rows without ${column} are never read` : ''
  return `it ends at ${upTo}${nulls}`
}
