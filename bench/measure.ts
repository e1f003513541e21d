import { measureProcesses, type SpentByPart } from './processes.ts'

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

export const rounded = (number: number, digits = 2) => Number(number.toFixed(digits))

export interface Measured {
  readonly seconds: number
  readonly spent: SpentByPart
}

/**
 * Wall time of `work`, and what the stack's processes spent meanwhile.
 * @param since when it began, where that is before the call: by `performance.now()`
 */
export async function measure(stackPid: number, work: () => Promise<unknown>, since?: number): Promise<Measured> {
  let seconds = 0
  const spent = await measureProcesses(stackPid, async () => {
    const start = since ?? performance.now()
    await work()
    seconds = (performance.now() - start) / 1000
  })
  return { seconds, spent }
}

/**
 * Rounds of each case in turn, so that a slow minute of the machine slows all of them. Of several, one comes before that is told
 * and not counted: in it functions start, their code is compiled, and files are read for the first time. Of three, each
 * begins a third of the cases later than the one before, as a case may pay for what the one before it left.
 * @returns the rounds of each case that count
 */
export async function interleave<Name extends string>(
  rounds: number,
  cases: Readonly<Record<Name, () => Promise<Measured>>>,
): Promise<Record<Name, Measured[]>> {
  const names = Object.keys(cases) as Name[]
  const all = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Record<Name, Measured[]>
  for (let round = rounds > 1 ? 0 : 1; round <= rounds; round += 1) {
    const first = Math.floor((round * names.length) / 3) % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const measured = await cases[name]()
      if (round > 0) all[name].push(measured)
      console.error(`${round === 0 ? 'to warm up' : `round ${round}`}: ${name} ${measured.seconds.toFixed(2)} s`)
    }
  }
  return all
}

/** Of one case: the median of its times, with the CPU and memory of that very round. */
export interface CaseResult {
  readonly seconds: number
  readonly krowsPerSecond: number
  readonly megabytesPerSecond: number
  readonly cpuSecondsPerGb: Readonly<Record<string, number>>
  readonly peakRssMb: Readonly<Record<string, number>>
}

export function caseResult(rounds: readonly Measured[], { rows, bytes }: { rows: number; bytes: number }): CaseResult {
  const seconds = median(rounds.map((round) => round.seconds))
  const spent = [...(rounds.find((round) => round.seconds === seconds)?.spent ?? [])]
  return {
    seconds: rounded(seconds),
    krowsPerSecond: rounded(rows / seconds / 1000, 0),
    megabytesPerSecond: rounded(bytes / seconds / 1e6, 1),
    cpuSecondsPerGb: Object.fromEntries(
      spent.map(([part, { cpuSeconds }]) => [part, rounded(cpuSeconds / (bytes / 1e9))]),
    ),
    peakRssMb: Object.fromEntries(spent.map(([part, { peakRssMb }]) => [part, rounded(peakRssMb, 0)])),
  }
}
