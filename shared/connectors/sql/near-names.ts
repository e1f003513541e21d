const maxNames = 5

/** Candidates that look like `wanted`, nearest first; at most five. */
export function nearNames(wanted: string, candidates: readonly string[]): string[] {
  const scored = candidates.map((name) => ({ name, distance: nearness(wanted.toLowerCase(), name.toLowerCase()) }))
  return scored
    .filter(({ distance }) => distance <= Math.max(2, wanted.length / 3))
    .sort((a, b) => a.distance - b.distance || a.name.localeCompare(b.name))
    .slice(0, maxNames)
    .map(({ name }) => name)
}

function nearness(a: string, b: string): number {
  return a.length > 2 && (a.includes(b) || b.includes(a)) ? Math.min(2, editDistance(a, b)) : editDistance(a, b)
}

/** Insertions, deletions and replacements (Levenshtein), row by row. */
function editDistance(a: string, b: string): number {
  let row = [...Array(b.length + 1).keys()]
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
