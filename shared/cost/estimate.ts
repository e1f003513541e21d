import { type Cost, costOf, type FunctionUse } from './cost.ts'
import { decimalOf, product, sum, textOf } from './decimal.ts'
import { functionSizes, type SizedFunction } from './function-sizes.ts'
import type { Prices } from './prices.ts'

/** What is known before a run. */
export interface PlannedWork {
  readonly staged: boolean
  readonly pieces: number
  /** null: only reading would tell. */
  readonly bytes: number | null
  /** Beside `bytes`, of files that are inflated. */
  readonly compressedBytes: number
  /** Chunks that `stage` loads at a time where it reads them; null: it leaves them to `load`. */
  readonly sideBySide: number | null
}

export interface EstimatedCost extends Cost {
  /** What it stands on, in words. */
  readonly assuming: string
}

/*
 * How fast a function is said to be, on average: a quarter to a third of a vCPU moves 20 MB/s into COPY (fc-oss.md §9), the plan
 * reads ranges of 8 MB at 100 MB/s to find where records end (connectors/objects/cut-objects.ts).
 */
const loadBytesPerSecond = 20e6
const scanBytesPerSecond = 100e6
const scanRangeBytes = 8 * 1024 * 1024
/** Of one invocation beside its bytes: its connection and the ledger. */
const overheadMs = 150
const uploadPartBytes = 8 * 1024 * 1024
/** What gzip's own level makes of rows of orders and of flights; a log may have ten times, numbers at random two. */
const inflatedBytesPerByte = 4

/** @returns null where the size of the source is not known */
export function estimateCost(work: PlannedWork, prices: Prices): EstimatedCost | null {
  const { staged, pieces, sideBySide, compressedBytes } = work
  if (work.bytes === null) return null
  const bytes = work.bytes + compressedBytes * inflatedBytesPerByte
  const moved = (lanes: number) => milliseconds(bytes, loadBytesPerSecond * lanes) + pieces * overheadMs
  const times: [SizedFunction, number][] = [
    ['plan', milliseconds(staged ? 0 : bytes, scanBytesPerSecond) + overheadMs],
    ['stage', staged ? moved(sideBySide ?? 1) : 0],
    ['load', sideBySide === null ? moved(1) : 0],
    ['finish', 2 * overheadMs],
  ]
  const isMovedTwice = staged && sideBySide === null
  const parts = isMovedTwice ? Math.ceil(bytes / uploadPartBytes) + 2 * pieces : 0
  const use: FunctionUse = {
    invocations: 2 + pieces * (isMovedTwice ? 2 : 1),
    vcpuMs: total(times, (name) => functionSizes[name].vcpu),
    memoryMbMs: total(times, (name) => functionSizes[name].memoryMb),
    reads: pieces + (staged ? 0 : Math.ceil(bytes / scanRangeBytes)),
    writes: 2 + parts,
  }
  const rates = `${loadBytesPerSecond / 1e6} MB/s a loader, ${overheadMs} ms beside that for each invocation`
  const inflating = compressedBytes > 0 ? `; ${inflatedBytesPerByte} bytes of records for each compressed one` : ''
  return { ...costOf(use, prices), assuming: `${rates}${inflating}; the sizes of functions in s.yaml; no repeats` }
}

const milliseconds = (bytes: number, bytesPerSecond: number) => Math.ceil((1000 * bytes) / bytesPerSecond)

function total(times: readonly [SizedFunction, number][], size: (name: SizedFunction) => string | number): string {
  return textOf(sum(...times.map(([name, ms]) => product(decimalOf(ms), decimalOf(size(name))))), 3)
}
