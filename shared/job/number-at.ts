import { type Fault, faultOf } from './fault.ts'
import { isBlank, type Member } from './members.ts'

/** Samples write numbers as texts, and "" for none. */
export function numberAt(
  given: Member | undefined,
  { min, max }: { min: number; max: number },
  faults: Fault[],
): number | null {
  if (given === undefined || isBlank(given.value)) return null
  const isNumeric =
    typeof given.value === 'number' || (typeof given.value === 'string' && /^\s*[+-]?\d+(\.\d*)?\s*$/.test(given.value))
  const parsed = isNumeric ? Number(given.value) : Number.NaN
  if (Number.isFinite(parsed) && parsed >= min && parsed <= max) return parsed
  const allowed = max === Number.MAX_SAFE_INTEGER ? `a number of at least ${min}` : `a number from ${min} to ${max}`
  faults.push(faultOf(given.path, given.value, `must be ${allowed}`))
  return null
}
