import type { StepOf } from './step.ts'
import { refuseBeyond } from './substr.ts'

/** NULL stays NULL; a start at the very end appends, and one beyond it is refused. */
export function replace({ start, length, with: text }: StepOf<'replace'>, value: string | null): string | null {
  if (value === null) return null
  refuseBeyond(start, value)
  return value.slice(0, start) + text + value.slice(start + length)
}
