export { updateCrc64 } from './crc64'
export { constantBytes, constants, ends, input, inputBytes, mostParts, output, parts } from './memory'
export { isRefused, project, records, taken } from './project'
export { backslashes, findLineEnds, findRecordEnds, inQuotes } from './record-ends'
