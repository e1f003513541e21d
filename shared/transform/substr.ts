import { RefusedValue } from './refused.ts'
import type { StepOf } from './step.ts'

/** NULL stays NULL; a start at the very end gives the empty text, and one beyond it is refused. */
export function substr({ start, length }: StepOf<'substr'>, value: string | null): string | null {
  if (value === null) return null
  refuseBeyond(start, value)
  return value.slice(start, start + length)
}

/** As Java counts: UTF-16 units, of which a character beyond U+FFFF has two. */
export function refuseBeyond(start: number, value: string): void {
  if (start > value.length)
    throw new RefusedValue(`it begins at ${start}, and the value has ${value.length} UTF-16 units`)
}
