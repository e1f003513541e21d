import type * as z from 'zod'
import { TransferError } from '../../errors/index.ts'
import type { TableName } from '../../schema/index.ts'

const part = '"(?:[^"]|"")+"|[^".]+'
const shape = new RegExp(`^(?:(${part})\\.)?(${part})$`)
const tableForm = 'must be "name" or "schema.name"'

/**
 * `person`, `public.person` or `"Public"."Person"`, with the rule of SQL: what is not quoted is folded to lower case.
 * @param separateSchema the `schema` parameter, where table and schema are given apart
 * @param asWritten `addQuote`: keep the case of every part
 * @throws job/invalid
 */
export function parseTableName(table: string, separateSchema: string | undefined, asWritten: boolean): TableName {
  const found = shape.exec(table.trim())
  if (found?.[2] === undefined) {
    throw new TransferError('job/invalid', `table ${tableForm}, got ${JSON.stringify(table)}`, {
      parameter: 'table',
      says: tableForm,
    })
  }
  const own = found[1] === undefined ? null : parseIdentifier(found[1], asWritten)
  const given = separateSchema === undefined ? null : parseIdentifier(separateSchema, asWritten)
  if (own !== null && given !== null && own !== given) {
    const says = `is not the schema that table names, ${own}`
    throw new TransferError('job/invalid', `schema ${given} ${says}`, { parameter: 'schema', says })
  }
  return { schema: given ?? own, table: parseIdentifier(found[2], asWritten) }
}

/** A check of an options schema: what could name no table on any server is told with the other faults of the script. */
export function refuseTableName(
  table: string,
  { schema, addQuote }: { readonly schema?: string | undefined; readonly addQuote: boolean },
  context: z.core.$RefinementCtx,
): void {
  try {
    parseTableName(table, schema, addQuote)
  } catch (error) {
    if (!(error instanceof TransferError)) throw error
    // The fault shows the value by itself.
    context.addIssue({ code: 'custom', path: [String(error.context.parameter)], message: String(error.context.says) })
  }
}

export function parseIdentifier(text: string, asWritten: boolean): string {
  const name = text.trim()
  if (/^"(?:[^"]|"")+"$/.test(name)) return name.slice(1, -1).replaceAll('""', '"')
  return asWritten ? name : name.toLowerCase()
}

/** A name of a script among those there are: exactly as written, or else by SQL's rule. Itself, where it is none of them. */
export function nameAmong(names: readonly string[], written: string): string {
  const asWritten = parseIdentifier(written, true)
  const folded = parseIdentifier(written, false)
  return names.find((name) => name === asWritten) ?? names.find((name) => name === folded) ?? written
}

export const printTable = ({ schema, table }: TableName): string => (schema === null ? table : `${schema}.${table}`)
