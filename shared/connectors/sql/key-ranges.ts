/** Half-open: `from` ≤ key < `to`; null is no bound. Digits as text, as a bigint does not fit a JSON number. */
export interface KeyRange {
  readonly from: string | null
  readonly to: string | null
}

/**
 * Cuts [low, high] into at most `count` ranges whose widths differ by one at most, the longer ones first (DataX's rule,
 * dataworks-datax.md §2.3). Unlike there, the first and the last range are open: a row that is inserted or moved beyond
 * low or high between planning and reading still lies in exactly one slice.
 */
export function keyRanges(low: bigint, high: bigint, count: number): KeyRange[] {
  const gap = high - low
  const ranges = gap < BigInt(count) ? (gap === 0n ? 1n : gap) : BigInt(count)
  const step = gap / ranges
  const longer = gap % ranges
  const cuts: bigint[] = []
  let cut = low
  for (let index = 1n; index < ranges; index += 1n) {
    cut += step + (index <= longer ? 1n : 0n)
    cuts.push(cut)
  }
  const bounds = [null, ...cuts.map(String), null]
  return bounds.slice(1).map((to, index) => ({ from: bounds[index] ?? null, to }))
}
