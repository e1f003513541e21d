import type { Client } from 'pg'
import type { PostgresConnection } from '../ports/index.ts'
import { dropConnection, sayGoodbye } from './hang-up.ts'

/**
 * Sessions between two requests of one instance: opening one costs 9 ms (perf.md §9), which is more than most steps do in it.
 * What is kept holds no lock, no temporary table and no transaction.
 */
export interface WarmSessions {
  /** One that answers to `settings`; null: there is none. */
  take(connection: PostgresConnection, settings: string): Promise<Client | null>
  /** Resolves when it is clean, or closed: of two for one place, one is enough. */
  keep(connection: PostgresConnection, client: Client): Promise<void>
}

/** A server that is gone without a word must not hold a request up. */
const answerWithinMs = 2_000

export function openWarmSessions(): WarmSessions {
  const idle = new Map<string, Client>()
  const nameOf = (connection: PostgresConnection) => JSON.stringify(connection)

  return {
    async take(connection, settings) {
      const name = nameOf(connection)
      const client = idle.get(name)
      if (client === undefined) return null
      idle.delete(name)
      return (await answers(client, settings)) ? client : null
    },
    async keep(connection, client) {
      const name = nameOf(connection)
      if (idle.has(name)) return await sayGoodbye(client)
      // Refused within a transaction, and by a connection that broke: such a session is not for others.
      if (!(await answers(client, 'discard all'))) return
      if (idle.has(name)) await sayGoodbye(client)
      else idle.set(name, client)
    },
  }
}

async function answers(client: Client, statement: string): Promise<boolean> {
  const timer = setTimeout(() => dropConnection(client), answerWithinMs)
  try {
    await client.query(statement)
    return true
  } catch {
    // Whatever it is, a new session does without it; its own error, if it has one, is told there.
    dropConnection(client)
    return false
  } finally {
    clearTimeout(timer)
  }
}
