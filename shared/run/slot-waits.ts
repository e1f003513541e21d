import type { TransferError } from '../errors/index.ts'
import type { Connection, JobSpec } from '../job/index.ts'
import * as ledger from '../ledger/index.ts'
import { type Piece, pieceNamed, placeOf, sendWaiting } from './dispatch.ts'
import type { RunContext } from './run-context.ts'

/*
 * A step that finds every connection of a capped datasource in use ends at once, holding nothing, and leaves a row that it
 * waits. Whoever has given a connection back sends on the one that has waited longest, before any work of its own; what
 * nobody sends, such as work that waits for a run of another ledger, `tick` sends after a lease. Nobody waits holding a
 * connection, so there is no deadlock.
 */

/** Of an error `connect/no-slot`: the piece is left to others. */
export async function waitForSlot(context: RunContext, piece: Piece, error: TransferError): Promise<void> {
  const { host, port, database } = error.context
  context.log.info(`${piece.step} waits for a connection`, { error: error.report() })
  const server = serverText({ host: String(host), port: Number(port), database: String(database) })
  await ledger.insertSlotWait(context.sql, placeOf(context, piece), server, context.world.clock.now())
}

/** Rows that are older are of work that `tick` has sent since, or of runs that ended. */
const lookBackMs = 3_600_000
/** Others may send the same at the same time: then the next one is tried. */
const candidates = 8

/** After connections were given back: for each capped database of the job, the work that has waited longest for it. */
export async function sendOneWaiting(context: RunContext): Promise<void> {
  const { world, sql } = context
  for (const server of cappedServers(context.run.spec)) {
    const since = new Date(world.clock.now().getTime() - lookBackMs)
    for (const { attempt, step, piece: name, ...run } of await ledger.listSlotWaits(sql, server, since, candidates)) {
      const piece = pieceNamed(step, name)
      if (piece !== null && (await sendWaiting({ ...context, run }, piece, attempt + 1))) break
    }
  }
}

function cappedServers({ reader, writer }: JobSpec): ReadonlySet<string> {
  const ends = [connectionIn(reader.options), connectionIn(writer.options)]
  const capped = ends.flatMap((end) => (end.kind === 'oss' || end.maxConnections === undefined ? [] : [end]))
  return new Set(capped.map(serverText))
}

/** Every connector takes it under this name (job/end-options.ts), and its schema has checked it. */
const connectionIn = (options: unknown): Connection => (options as { connection: Connection }).connection

const serverText = ({ host, port, database }: { host: string; port: number; database: string }) =>
  `${host}:${port}/${database}`
