/** Records `id,note` of which a fifth is left out by `transform`, and a five-hundredth is refused by it. */
export function notes(rows: number) {
  const ids = [...Array(rows).keys()].map((n) => n + 1)
  const isDropped = (n: number) => n % 5 === 0
  const isShort = (n: number) => n % 500 === 7
  const noteOf = (n: number) => (isDropped(n) ? `drop ${n}` : isShort(n) ? 'x' : `note "${n}",\n\\😀`)
  const kept = ids.filter((n) => !isDropped(n) && !isShort(n)).map((n) => noteOf(n).slice(2))
  const dirty = ids.filter(isShort).length
  return {
    lines: ids.map((n) => `${n},"${noteOf(n).replaceAll('"', '""')}"\n`),
    /** The notes that arrive, in the order of their ids. */
    kept,
    counts: { read: rows, loaded: kept.length, dirty, filtered: rows - kept.length - dirty },
  }
}

export const transform = [
  { do: 'filter', column: 1, when: 'like', value: 'drop \\d+' },
  { do: 'filter', column: 1, when: 'like', value: 'drop it' },
  { do: 'substr', column: 1, start: 2, length: 100 },
]
