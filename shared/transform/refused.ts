import { TransferError } from '../errors/index.ts'

/** A record that a step cannot change: it is dirty, and later steps do not see it. The message holds no value of it. */
export class RefusedValue extends Error {}

/** @param step counted from 1 */
export function refusedBy(step: number, name: string, column: string, error: RefusedValue): TransferError {
  return new TransferError('record/transform', `step ${step} (${name}) of the transformation: ${error.message}`, {
    step,
    column,
  })
}
