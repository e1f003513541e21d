export type { Column } from './column.ts'
export { quoteIdentifier, quoteLiteral, quoteTable, type TableName } from './identifier.ts'
