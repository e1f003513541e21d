import type { Step } from './dataworks-shape.ts'
import { type Fault, faultOf, warningAt } from './fault.ts'
import { isBlank, type Member, membersAt } from './members.ts'

/** More than reader → processor → writer needs; the rest is not looked at. */
const maxHops = 10

interface Hop {
  readonly from: Member | undefined
  readonly to: Member | undefined
}

/** `order.hops: [{"from": "Reader", "to": "Writer"}]`: labels of steps. Not there, or half there: no hops. */
function hopsOf(order: Member | undefined, faults: Fault[]): Hop[] {
  if (order === undefined || isBlank(order.value)) return []
  const hops = membersAt(order.value, order.path, ['hops'], faults).known.get('hops')
  if (hops === undefined || !Array.isArray(hops.value)) return []
  return hops.value.slice(0, maxHops).map((hop: unknown, index) => {
    const { known } = membersAt(hop, [...hops.path, index], ['from', 'to'], faults)
    return { from: known.get('from'), to: known.get('to') }
  })
}

/** What a step without a category is, by its label: only left of arrows, or only right of them. */
export function endOfOrder(order: Member | undefined, label: string): 'reader' | 'writer' | null {
  const hops = hopsOf(order, [])
  const isFrom = hops.some(({ from }) => from?.value === label)
  const isTo = hops.some(({ to }) => to?.value === label)
  if (isFrom === isTo) return null
  return isFrom ? 'reader' : 'writer'
}

/**
 * The order says again what the categories say (dataworks-datax.md §1.1). A label of no step is told; rows that should go
 * from the writer to the reader are a contradiction.
 */
export function checkOrder(order: Member | undefined, steps: readonly Step[], faults: Fault[]): void {
  const categoryOf = new Map(steps.map(({ members, category }) => [members.get('name')?.value, category]))
  for (const { from, to } of hopsOf(order, faults)) {
    for (const end of [from, to])
      if (end !== undefined && !isBlank(end.value) && !categoryOf.has(end.value))
        faults.push(warningAt(end.path, 'is the name of no step; rows go from the reader to the writer'))
    if (to !== undefined && categoryOf.get(from?.value) === 'writer' && categoryOf.get(to.value) === 'reader')
      faults.push(faultOf(to.path, to.value, 'is the reader: rows go from it, never to it'))
  }
}
