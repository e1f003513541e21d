export { type ErrorCode, errorCodes } from './codes.ts'
export { type Issue, issuesText, issueWords, memberAt } from './issue-words.ts'
export { policies } from './policy.ts'
export {
  asTransferError,
  codedMessage,
  type ErrorContext,
  type ErrorReport,
  type FaultReport,
  outwardMessage,
  TransferError,
} from './transfer-error.ts'
export { whenSound } from './when-sound.ts'
