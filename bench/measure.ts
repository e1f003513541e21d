export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

export const rounded = (number: number) => Number(number.toFixed(2))

/**
 * Rounds of each case in turn, so that a slow minute of the machine slows all of them.
 * @returns the median seconds of each case
 */
export async function interleave<Name extends string>(
  rounds: number,
  cases: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number>> {
  const times: [Name, number][] = []
  const names = Object.keys(cases) as Name[]
  for (let round = 1; round <= rounds; round += 1) {
    for (const name of names) {
      const seconds = await cases[name]()
      times.push([name, seconds])
      console.error(`round ${round}: ${name} ${seconds.toFixed(2)} s`)
    }
  }
  const of = (name: Name) => median(times.filter(([other]) => other === name).map(([, seconds]) => seconds))
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Name, number>
}
