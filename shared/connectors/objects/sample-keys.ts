import { elementsAsLines } from '../../codecs/json-lines/array-as-lines.ts'
import { nearNames } from '../sql/near-names.ts'

/** Enough to see keys that records mostly have; what is parsed here is held in memory. */
const most = { bytes: 1024 * 1024, records: 1000, keys: 10_000 }

/**
 * Keys of the first records of a file, in the order in which they come, those within objects as paths: `customer`, then
 * `customer.city`. Records that are no JSON have none: the loaders will tell of them.
 */
export function sampleKeys(head: Buffer, isArray: boolean): readonly string[] {
  const some = head.subarray(0, most.bytes)
  const lines = (isArray ? elementsAsLines()(some) : some).toString('utf8').split('\n', most.records)
  const keys = new Set<string>()
  for (const line of lines) addKeys(keys, '', parsed(line))
  return [...keys]
}

function addKeys(keys: Set<string>, prefix: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return
  for (const [key, member] of Object.entries(value)) {
    if (keys.size === most.keys) return
    keys.add(prefix + key)
    addKeys(keys, `${prefix}${key}.`, member)
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** The key of each wanted column, and those that no record of the sample has; or why none fits. */
export type KeyMatch =
  | { readonly keys: readonly string[]; readonly unseen: readonly string[] }
  | { readonly refusal: string; readonly column: string }

/** A message lists no more. */
const maxListed = 30

/**
 * A key as it is written, or else in any case where only one can be meant. A record need not have every key, so one that the
 * sample lacks is taken as it is written; where it has none of them, names are wrong.
 */
export function matchKeys(wanted: readonly string[], sample: readonly string[]): KeyMatch {
  const keys = wanted.map((name) => keyFor(name, sample))
  const unseen = wanted.filter((_, index) => keys[index] === null)
  const [first] = wanted
  if (first !== undefined && sample.length > 0 && unseen.length === wanted.length) {
    const [nearest] = nearNames(first, sample)
    const near = nearest === undefined ? '' : ` (did you mean ${nearest}?)`
    const more = sample.length > maxListed ? ', …' : ''
    const refusal = `no record has a key ${first}${near}, or any other that is wanted; there are ${sample.slice(0, maxListed).join(', ')}${more}`
    return { refusal, column: first }
  }
  return { keys: keys.map((key, index) => key ?? wanted[index] ?? ''), unseen }
}

function keyFor(name: string, sample: readonly string[]): string | null {
  if (sample.includes(name)) return name
  const [only, ...others] = sample.filter((key) => key.toLowerCase() === name.toLowerCase())
  return only !== undefined && others.length === 0 ? only : null
}
