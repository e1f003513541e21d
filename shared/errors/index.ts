export { type ErrorCode, errorCodes } from './codes.ts'
export { type Blame, type Policy, policies } from './policy.ts'
export { asTransferError, type ErrorContext, type ErrorReport, TransferError } from './transfer-error.ts'
