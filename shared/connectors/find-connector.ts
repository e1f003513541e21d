import type * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import { catalogue } from './catalogue.ts'
import type { About, Connector, Reader, Writer } from './contract.ts'

/** What is known of a connector without loading its driver. */
export interface CatalogueEntry {
  readonly kind: string
  readonly title: string
  /** Names a script may use for it; null when it cannot read. */
  readonly readerNames: readonly string[] | null
  readonly writerNames: readonly string[] | null
  /** The kind of datasource it takes. */
  readonly connection: About<never>['connection']
  readonly load: () => Promise<Connector>
}

export type Role = 'reader' | 'writer'

const namesOf = (entry: CatalogueEntry, role: Role) => (role === 'reader' ? entry.readerNames : entry.writerNames) ?? []

/** Finds the kind behind a DataX plugin name or a DataWorks step type, in any case. */
export function kindOf(role: Role, name: string): string | null {
  const lower = name.toLowerCase()
  return catalogue.find((entry) => namesOf(entry, role).includes(lower))?.kind ?? null
}

/** What parsing a job needs to know of one end of it. */
export interface FoundConnector {
  readonly kind: string
  readonly connectionKind: About<never>['connection']
  /** Checks the parameters; an issue with `params.code` `job/unsupported` is about what we do not do yet. */
  readonly options: z.ZodType
  /** Parameters without effect, with the reason: each one used deserves a warning. */
  readonly ignored: Readonly<Record<string, string>>
}

/** Loads the connector's own file, which imports no driver. null: no connector answers to the name in this role. */
export async function findConnector(role: Role, name: string): Promise<FoundConnector | null> {
  const kind = kindOf(role, name)
  if (kind === null) return null
  const connector = await load(kind)
  const found = role === 'reader' ? connector.reader : connector.writer
  return found && { kind, connectionKind: found.connection, options: found.options, ignored: found.ignored }
}

export const knownKinds = (role: Role): string[] =>
  catalogue.filter((entry) => namesOf(entry, role).length > 0).map(({ kind }) => kind)

async function load(kind: string): Promise<Connector> {
  const entry = catalogue.find((one) => one.kind === kind)
  if (entry === undefined)
    throw new TransferError(
      'job/unsupported',
      `there is no connector ${kind}; there are ${catalogue.map((one) => one.kind).join(', ')}`,
      {
        kind,
      },
    )
  return await entry.load()
}

// biome-ignore-start lint/suspicious/noExplicitAny: options types differ by connector; its schema parses them before `open`
/** @throws job/unsupported */
export async function findReader(kind: string): Promise<Reader<any>> {
  const { reader } = await load(kind)
  if (reader === null) throw new TransferError('job/unsupported', `${kind} cannot be read`, { kind })
  return reader
}

/** @throws job/unsupported */
export async function findWriter(kind: string): Promise<Writer<any>> {
  const { writer } = await load(kind)
  if (writer === null) throw new TransferError('job/unsupported', `${kind} cannot be written`, { kind })
  return writer
}
// biome-ignore-end lint/suspicious/noExplicitAny: as above
