import type { ConnectorContext, Source, Target, WantedColumns } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type { JobSpec } from '../job/index.ts'
import type { TriggerFact } from '../ledger/index.ts'
import type { PostgresConnection } from '../ports/index.ts'
import type { RunContext } from './run-context.ts'
import type { World } from './world.ts'

/** What opening the ends of a job needs; a run has it, and so has a preview of one. */
export interface EndsContext extends Pick<RunContext, 'world' | 'log' | 'deadline'> {
  /** `trigger`: what started it; null for a preview. */
  readonly run: { readonly spec: JobSpec; readonly trigger: TriggerFact | null }
}

const connectorContext = ({ world, log, deadline }: EndsContext): ConnectorContext => ({
  openStore: world.openStore,
  connectSql: (connection, sparedSlots) => world.connectSql(connection, deadline.signal, sparedSlots),
  connectMysql: (connection) => world.connectMysql(connection, deadline.signal),
  log,
  signal: deadline.signal,
})

/** @throws job/unsupported when the job maps columns by name and the reader cannot pick them */
export async function openSource(context: EndsContext): Promise<Source> {
  const { kind, options } = context.run.spec.reader
  const reader = await context.world.findReader(kind)
  const source = await reader.open(reader.options.parse(options), connectorContext(context))
  const wanted = wantedColumns(context, source.isNamed)
  if (wanted === null) return source
  if (source.pick !== null) return source.pick(wanted)
  await source[Symbol.asyncDispose]()
  throw new TransferError(
    'job/unsupported',
    `columns of ${kind} cannot be mapped by name: list them in the order of the writer, and leave mapping out`,
    { kind },
  )
}

/** Of a job that maps by the same name, the destination knows them. */
function wantedColumns(context: EndsContext, isNamed: boolean): WantedColumns | null {
  const mapping = context.run.spec.mapping ?? (isNamed ? 'byName' : null)
  if (mapping === null) return null
  if (mapping !== 'byName') return async () => mapping
  let asked: Promise<readonly string[]> | null = null
  const ask = async () => {
    await using target = await openTarget(context)
    return target.kind !== 'object' ? (await target.columns()).map(({ name }) => name) : []
  }
  return () => {
    asked ??= ask()
    return asked
  }
}

export async function openTarget(context: EndsContext): Promise<Target> {
  const { kind, options } = context.run.spec.writer
  const writer = await context.world.findWriter(kind)
  return await writer.open(writer.options.parse(options), connectorContext(context))
}

/**
 * The database that keeps the ledger of a job: its ADBPG end, the writer's when both ends are ADBPG, so that the ledger
 * commits with the rows (design §5).
 * @throws job/no-adbpg-end
 */
export async function ledgerOf(
  world: Pick<World, 'findReader' | 'findWriter'>,
  spec: JobSpec,
): Promise<PostgresConnection> {
  const writer = await world.findWriter(spec.writer.kind)
  if (writer.ledger !== null) return uncapped(writer.ledger(writer.options.parse(spec.writer.options)))
  const reader = await world.findReader(spec.reader.kind)
  if (reader.ledger !== null) return uncapped(reader.ledger(reader.options.parse(spec.reader.options)))
  const kinds = { reader: spec.reader.kind, writer: spec.writer.kind }
  throw new TransferError(
    'job/no-adbpg-end',
    `neither ${kinds.reader} nor ${kinds.writer} is AnalyticDB for PostgreSQL`,
    kinds,
  )
}

/** The ledger has to answer whatever runs there are: its sessions take a slot only while they move rows. */
export function uncapped<C extends { maxConnections?: number }>(connection: C): C {
  const copy = { ...connection }
  Reflect.deleteProperty(copy, 'maxConnections')
  return copy
}

export const isSameDatabase = (a: PostgresConnection, b: PostgresConnection): boolean =>
  a.host === b.host && a.port === b.port && a.database === b.database
