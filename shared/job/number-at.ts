import { type Fault, faultOf } from './fault.ts'
import { isBlank, type Member } from './members.ts'

/** Samples write numbers as texts, and "" for none. */
export function numberAt(
  given: Member | undefined,
  { min, max, whole = false }: { min: number; max: number; whole?: boolean },
  faults: Fault[],
): number | null {
  if (given === undefined || isBlank(given.value)) return null
  const isNumeric =
    typeof given.value === 'number' || (typeof given.value === 'string' && /^\s*[+-]?\d+(\.\d*)?\s*$/.test(given.value))
  const parsed = isNumeric ? Number(given.value) : Number.NaN
  const fits = Number.isFinite(parsed) && parsed >= min && parsed <= max
  if (fits && (!whole || Number.isInteger(parsed))) return parsed
  const number = whole ? 'a whole number' : 'a number'
  const allowed = max === Number.MAX_SAFE_INTEGER ? `${number} of at least ${min}` : `${number} from ${min} to ${max}`
  faults.push(faultOf(given.path, given.value, `must be ${allowed}`))
  return null
}
