import { TransferError } from '../errors/index.ts'

export const corrupt = (reason: string) =>
  new TransferError('source/corrupt', `the compressed file is damaged or cut short: ${reason}`)
