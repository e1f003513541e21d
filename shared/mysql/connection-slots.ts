import { createHash } from 'node:crypto'
import { TransferError } from '../errors/index.ts'
import type { MysqlConnection, MysqlSession } from '../ports/index.ts'

/**
 * Takes one of the connections that a datasource allows, as postgres/connection-slots.ts does: here by a named lock, which the
 * server drops with the session. Its names are those of the whole server, so the database is part of them; a session
 * has held several since MySQL 5.7.5 and MariaDB 10.0.2.
 * @throws connect/no-slot
 */
export async function takeSlot(session: MysqlSession, connection: MysqlConnection): Promise<void> {
  const { host, port, database, maxConnections } = connection
  if (maxConnections === undefined) return
  const first = Math.floor(Math.random() * maxConnections)
  for (let tried = 0; tried < maxConnections; tried += 1) {
    const slot = (first + tried) % maxConnections
    const [answer] = await session.query('select get_lock(?, 0) as taken', [nameOf(database, slot)])
    if (answer?.taken === '1') return
  }
  const message = `all ${maxConnections} connections to ${database} on ${host}:${port} that its datasource allows are in use`
  throw new TransferError('connect/no-slot', message, { host, port, database, maxConnections })
}

/** At most 64 characters, which the name of a database alone may have. */
function nameOf(database: string, slot: number): string {
  const hash = createHash('sha256').update(database).digest('hex').slice(0, 16)
  return `adbpg-sync ${hash} ${slot}`
}
