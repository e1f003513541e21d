import type { PostgresConnection } from '../../ports/index.ts'
import { type About, defineReader, defineWriter, type Incremental, type Reader, type Writer } from '../contract.ts'
import { openPostgresSource } from './postgres-source.ts'
import { openPostgresTarget } from './postgres-target.ts'
import { ReaderOptions, readerIgnored, readerRemarks } from './reader-options.ts'
import { parseIdentifier, parseTableName, printTable } from './table-name.ts'
import { WriterOptions, writerIgnored, writerRemarks } from './writer-options.ts'

/** What tells one member of the family from another. */
export interface PostgresMember {
  readonly kind: string
  readonly title: string
  /** Datasource types and step types, valid for both roles. */
  readonly names: readonly string[]
  readonly readerNames: readonly string[]
  readonly writerNames: readonly string[]
  /** Whether a job's ledger may live in its database (design §5). */
  readonly keepsLedger: boolean
}

export function postgresReader(member: PostgresMember): Reader<ReaderOptions> {
  return defineReader({
    ...about(member, member.readerNames),
    role: 'reader',
    options: ReaderOptions,
    ignored: readerIgnored,
    remarks: readerRemarks,
    repeatable: false,
    forObject: null,
    incremental: incrementalOf,
    open: async (options, context) => openPostgresSource(options, context),
  })
}

export function postgresWriter(member: PostgresMember): Writer<WriterOptions> {
  return defineWriter({
    ...about(member, member.writerNames),
    role: 'writer',
    options: WriterOptions,
    ignored: writerIgnored,
    remarks: writerRemarks,
    oncePerRun,
    open: async (options, context) => openPostgresTarget(options, context),
  })
}

/** The first of them that is set. */
function oncePerRun({ preSql, postSql, atomic, overwrite }: WriterOptions): string | null {
  if (preSql.length > 0) return 'preSql'
  if (postSql.length > 0) return 'postSql'
  if (overwrite !== undefined) return 'overwrite'
  return atomic ? 'atomic' : null
}

function incrementalOf(options: ReaderOptions): Incremental | null {
  const { incremental, table, schema, addQuote, connection } = options
  if (incremental === undefined) return null
  const name = printTable(parseTableName(table[0] ?? '', schema, addQuote))
  const column = parseIdentifier(incremental.column, addQuote)
  return { source: `${connection.database}: ${name}.${column}`, from: incremental.from ?? null }
}

function about(
  { kind, title, names, keepsLedger }: PostgresMember,
  roleNames: readonly string[],
): Omit<About<{ connection: PostgresConnection }>, 'options' | 'ignored' | 'remarks'> {
  return {
    kind,
    title,
    aliases: [...roleNames, ...names],
    connection: 'postgres',
    ledger: keepsLedger ? ({ connection }) => connection : null,
  }
}
