import { TransferError } from '../errors/index.ts'

/** The error of the first signal that was aborted: its own reason, where that is one of ours; null when none was. */
export function abortOf(signals: readonly AbortSignal[]): TransferError | null {
  const aborted = signals.find((signal) => signal.aborted)
  if (aborted === undefined) return null
  const reason: unknown = aborted.reason
  if (reason instanceof TransferError) return reason
  return new TransferError('platform/deadline', 'the work was stopped before it was done', {}, { cause: reason })
}
