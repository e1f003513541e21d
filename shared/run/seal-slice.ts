import * as ledger from '../ledger/index.ts'
import type { StageEvent } from './events.ts'
import type { RunContext } from './run-context.ts'

/** The row that ends the reading of a slice: what it came to, in all its parts. */
export function sealOf(
  context: RunContext,
  event: StageEvent,
  parts: readonly { bytes: number; records: number }[],
  upload: ledger.Seal['upload'],
): ledger.Seal {
  const total = (of: 'bytes' | 'records') => parts.reduce((sum, part) => sum + part[of], 0)
  const { epoch, slice } = event
  const at = context.world.clock.now()
  return { runId: context.run.runId, epoch, slice, records: total('records'), bytes: total('bytes'), upload, at }
}

/**
 * Numbers of chunks and slices are taken from the end of the run's list; when two slices are sealed at once, one of them
 * meets the other's primary key and takes the next numbers.
 * @returns null when another attempt has sealed this slice
 */
export async function sealOnce<T>(
  { sql, run }: RunContext,
  event: StageEvent,
  seal: () => Promise<T>,
): Promise<T | null> {
  for (;;) {
    try {
      return await sql.transaction(seal)
    } catch (error) {
      if (!ledger.isDuplicate(error)) throw error
      const slice = await ledger.readSlice(sql, run.runId, event.epoch, event.slice)
      if (slice?.done !== false) return null
    }
  }
}
