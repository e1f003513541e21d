import type * as z from 'zod'
import { TransferError } from '../../errors/index.ts'

export interface MysqlTableName {
  /** null: the database of the connection. */
  readonly database: string | null
  readonly table: string
}

/** The one function that puts a name into MySQL's SQL. The server itself refuses names of more than 64 characters. */
export function quoteName(name: string): string {
  if (name !== '' && !name.includes('\0')) return `\`${name.replaceAll('`', '``')}\``
  throw new TransferError('job/invalid', `a name must not be empty and hold no NUL, got ${JSON.stringify(name)}`, {
    name,
  })
}

export const quoteTableName = ({ database, table }: MysqlTableName): string =>
  database === null ? quoteName(table) : `${quoteName(database)}.${quoteName(table)}`

export const printTableName = ({ database, table }: MysqlTableName): string =>
  database === null ? table : `${database}.${table}`

const part = '`(?:[^`]|``)+`|[^`.]+'
const shape = new RegExp(`^(?:(${part})\\.)?(${part})$`)
const tableForm = 'must be "name" or "database.name"'

/** `person`, `db.person` or `` `db`.`odd.name` ``; case is kept, as whether it matters is the server's choice. @throws job/invalid */
export function parseTable(text: string): MysqlTableName {
  const found = shape.exec(text.trim())
  if (found?.[2] !== undefined)
    return { database: found[1] === undefined ? null : unquoted(found[1]), table: unquoted(found[2]) }
  throw new TransferError('job/invalid', `table ${tableForm}, got ${JSON.stringify(text)}`, { parameter: 'table' })
}

/** A check of an options schema: what could name no table on any server is told with the other faults of the script. */
export function refuseTable(text: string, context: z.core.$RefinementCtx): void {
  // The fault shows the value by itself.
  if (!shape.test(text.trim())) context.addIssue({ code: 'custom', path: ['table'], message: tableForm })
}

export const unquoted = (name: string): string =>
  /^`(?:[^`]|``)+`$/.test(name.trim()) ? name.trim().slice(1, -1).replaceAll('``', '`') : name.trim()
