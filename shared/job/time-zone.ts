import { isTimeZone } from '../schedule/index.ts'
import { nearestName } from './nearest-name.ts'

/** Names without a place are abbreviations, of which several mean more than one zone. */
const names: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((name) => name.includes('/'))]

/** What is wrong with the name of a zone, with the nearest there is; null when it is one. */
export function zoneFault(zone: string): string | null {
  if (isTimeZone(zone)) return null
  const nearest = nearestName(zone, names)
  const advice = nearest === null ? 'write a name such as Asia/Shanghai or UTC' : `did you mean ${nearest}?`
  return `the time zone ${zone.slice(0, 100)} is not known; ${advice}`
}
