import type { PostgresConnection } from '../../ports/index.ts'
import { type About, defineReader, defineWriter, type Reader, type Writer } from '../contract.ts'
import { openPostgresSource } from './postgres-source.ts'
import { openPostgresTarget } from './postgres-target.ts'
import { ReaderOptions, readerIgnored } from './reader-options.ts'
import { WriterOptions, writerIgnored } from './writer-options.ts'

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
    repeatable: false,
    open: async (options, context) => openPostgresSource(options, context),
  })
}

export function postgresWriter(member: PostgresMember): Writer<WriterOptions> {
  return defineWriter({
    ...about(member, member.writerNames),
    role: 'writer',
    options: WriterOptions,
    ignored: writerIgnored,
    open: async (options, context) => openPostgresTarget(options, context),
  })
}

function about(
  { kind, title, names, keepsLedger }: PostgresMember,
  roleNames: readonly string[],
): Omit<About<{ connection: PostgresConnection }>, 'options' | 'ignored'> {
  return {
    kind,
    title,
    aliases: [...roleNames, ...names],
    connection: 'postgres',
    ledger: keepsLedger ? ({ connection }) => connection : null,
  }
}
