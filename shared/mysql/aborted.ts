import { TransferError } from '../errors/index.ts'

/** The error of an aborted signal: its own reason, where that is one of ours. */
export function aborted({ reason }: AbortSignal): TransferError {
  if (reason instanceof TransferError) return reason
  return new TransferError('platform/deadline', 'the work was stopped before it was done', {}, { cause: reason })
}
