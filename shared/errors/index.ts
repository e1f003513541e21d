export { type ErrorCode, errorCodes } from './codes.ts'
export { policies } from './policy.ts'
export {
  asTransferError,
  codedMessage,
  type ErrorContext,
  type ErrorReport,
  outwardMessage,
  TransferError,
} from './transfer-error.ts'
