/** Longer names are not compared: the work grows with the square of their length. */
const maxLength = 64

/** The candidate that was probably meant, whatever the case; null when none is near. */
export function nearestName(wanted: string, candidates: readonly string[]): string | null {
  if (wanted.length > maxLength) return null
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  let best: { name: string; distance: number } | null = null
  for (const name of candidates) {
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase())
    if (distance <= limit && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { name, distance }
  }
  return best?.name ?? null
}

/** `; did you mean splitPk?`, or nothing. */
export function didYouMean(wanted: string, candidates: readonly string[]): string {
  const nearest = nearestName(wanted, candidates)
  return nearest === null ? '' : `; did you mean ${nearest}?`
}

/** Insertions, deletions, replacements and swaps of neighbours, row by row. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = [...Array(b.length + 1).keys()]
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY
      next.push(Math.min(replaced, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
