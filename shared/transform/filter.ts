import { TransferError } from '../errors/index.ts'
import {
  compareDecimals,
  compareTexts,
  compareWholes,
  millisecondsOf,
  type Order,
  readDecimal,
  readWhole,
} from './compare.ts'
import { javaPattern } from './java-pattern.ts'
import { RefusedValue } from './refused.ts'
import type { StepOf } from './step.ts'
import { textOf, type ValueKind } from './value-kind.ts'

type FilterStep = StepOf<'filter'>

/** Whether a record with this value is left out. */
export type Drops = (value: string | null) => boolean

/**
 * A record that matches is left out, not kept (dataworks-datax.md §4.5). NULL is less than everything to `like` and the
 * unequal comparisons, which keep it; `not like` leaves it out; `=` and `!=` take it for the text `null`.
 * @throws job/invalid where no value of the column can be compared with that of the step, job/unsupported for its pattern
 */
export async function filterOf(step: FilterStep, kind: ValueKind): Promise<Drops> {
  const drops = await dropsValue(step, kind)
  const dropsNull = isNullDropped(step)
  return (value) => (value === null ? dropsNull : drops(value))
}

function isNullDropped({ when, value }: FilterStep): boolean {
  const isNull = value.toLowerCase() === 'null'
  if (when === 'not like') return true
  return (when === '=' && isNull) || (when === '!=' && !isNull)
}

async function dropsValue({ when, value }: FilterStep, kind: ValueKind): Promise<(value: string) => boolean> {
  if (when === 'like' || when === 'not like') {
    const matches = await javaPattern(value)
    return (given) => matches(textOf(given, kind) ?? '') === (when === 'like')
  }
  // No value equals NULL. In DataX every value of a number would be dirty here.
  if ((when === '=' || when === '!=') && value.toLowerCase() === 'null' && kind !== 'text') return () => when === '!='
  const compare = comparing(value, kind)
  const isDropped = droppedOrders[when]
  return (given) => isDropped(compare(given))
}

/** Each is false for NaN but `!=`, as in Java. */
const droppedOrders: Record<Exclude<FilterStep['when'], 'like' | 'not like'>, (order: Order) => boolean> = {
  '>': (order) => order > 0,
  '<': (order) => order < 0,
  '=': (order) => order === 0,
  '!=': (order) => order !== 0,
  '>=': (order) => order >= 0,
  '<=': (order) => order <= 0,
}

function comparing(wanted: string, kind: ValueKind): (given: string) => Order {
  if (kind === 'whole') {
    const right = wantedAs('a whole number, as the column is', wanted, readWhole)
    return (given) => compareWholes(needed(readWhole(given), 'whole number'), right)
  }
  if (kind === 'date') {
    const right = wantedAs('a date as milliseconds since 1970, as in DataX', wanted, readWhole)
    return (given) => compareWholes(millisecondsOf(given), right)
  }
  if (kind === 'number') {
    const right = wantedAs('a number, as the column is', wanted, readDecimal)
    return (given) => compareDecimals(needed(readDecimal(given), 'number'), right)
  }
  return (given) => compareTexts(textOf(given, kind) ?? '', wanted)
}

/** In DataX the mistake makes every record dirty that is not NULL; here no record is moved. */
function wantedAs<T>(what: string, wanted: string, read: (text: string) => T | null): T {
  const parsed = read(wanted)
  if (parsed !== null) return parsed
  throw new TransferError('job/invalid', `the value of a filter must be ${what}, got ${JSON.stringify(wanted)}`)
}

function needed<T>(parsed: T | null, noun: string): T {
  if (parsed === null) throw new RefusedValue(`the value is no ${noun}`)
  return parsed
}
