import { nearNames } from '../connectors/sql/near-names.ts'

/** Where each wanted column stands among the given ones, or why one of them does not. */
export type NameMatch =
  | { readonly positions: readonly number[]; readonly unused: readonly string[] }
  | { readonly refusal: string; readonly column: string }

/** A message lists no more. */
const maxListed = 30

/**
 * By the name as it is written, or else in any case where only one can be meant: a header says `ID` and a table `id`. A
 * column may be wanted more than once.
 */
export function matchNames(wanted: readonly string[], given: readonly string[]): NameMatch {
  const positions: number[] = []
  for (const name of wanted) {
    const found = placesOf(name, given)
    const [position] = found
    if (position === undefined) return { refusal: missing(name, given), column: name }
    if (found.length > 1) return { refusal: `${found.length} columns are called ${name}`, column: name }
    positions.push(position)
  }
  return { positions, unused: given.filter((_, index) => !positions.includes(index)) }
}

function placesOf(name: string, given: readonly string[]): number[] {
  const where = (isMeant: (one: string) => boolean) => [...given.keys()].filter((index) => isMeant(given[index] ?? ''))
  const exact = where((one) => one === name)
  return exact.length > 0 ? exact : where((one) => one.trim().toLowerCase() === name.trim().toLowerCase())
}

function missing(name: string, given: readonly string[]): string {
  const [nearest] = nearNames(name, given)
  const near = nearest === undefined ? '' : ` (did you mean ${nearest}?)`
  const more = given.length > maxListed ? ', …' : ''
  return `no column is called ${name}${near}; there are ${given.slice(0, maxListed).join(', ') || 'none'}${more}`
}

/** What a plan says of a match. */
export function matchDecision(wanted: readonly string[], unused: readonly string[]) {
  const left = unused.length === 0 ? 'every column of the reader is used' : `not read: ${unused.join(', ')}`
  return { what: `columns are taken by name: ${wanted.join(', ')}`, why: left }
}
