import { TransferError } from '../errors/index.ts'
import type { PostgresConnection, Sql } from '../ports/index.ts'

/*
 * A datasource may cap the connections of all runs together, also of runs whose ledgers lie in different databases. The capped
 * database is the one place that all of them meet, so it counts: a slot is an advisory lock of the session, which the
 * server drops with the connection, however the process died. Behind PgBouncer in transaction mode it would stay with
 * a connection of the pool.
 */

/** The first of two numbers of a lock: "slot" in ASCII. Locks of the ledger are made of hashes. */
const slotSpace = 0x736c6f74

/**
 * Takes a free slot for this session; without a cap, none is needed. The first `spared` slots are left to others.
 * @returns what gives it back before the session ends
 * @throws connect/no-slot
 */
export async function takeSlot(sql: Sql, connection: PostgresConnection, spared = 0): Promise<AsyncDisposable> {
  const { maxConnections } = connection
  if (maxConnections === undefined) return { [Symbol.asyncDispose]: async () => undefined }
  const usable = Math.max(0, maxConnections - spared)
  // Sessions that look at the same time begin at different slots, and so rarely wait for the answer to more than one.
  const first = Math.floor(Math.random() * usable)
  for (let tried = 0; tried < usable; tried += 1) {
    const slot = spared + ((first + tried) % usable)
    const { rows } = await sql.query<{ taken: boolean }>('select pg_try_advisory_lock($1, $2) as taken', [
      slotSpace,
      slot,
    ])
    if (rows[0]?.taken !== true) continue
    return {
      async [Symbol.asyncDispose]() {
        // Of a session that broke, the server has it back already.
        await sql.query('select pg_advisory_unlock($1, $2)', [slotSpace, slot]).catch(() => undefined)
      },
    }
  }
  throw noSlot(connection, maxConnections)
}

function noSlot(connection: PostgresConnection, maxConnections: number): TransferError {
  const { host, port, database } = connection
  const message = `all ${maxConnections} connections to ${database} on ${host}:${port} that its datasource allows are in use`
  return new TransferError('connect/no-slot', message, { host, port, database, maxConnections })
}
