export { type ErrorCode, errorCodes } from './codes.ts'
export { policies } from './policy.ts'
export { asTransferError, type ErrorContext, type ErrorReport, TransferError } from './transfer-error.ts'
