import { statements } from '../../shared/ledger/statements.ts'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What one statement of the ledger cost: by its file in shared/ledger/sql, or by its first words. */
export interface StatementCost {
  calls: number
  milliseconds: number
}

export interface Sessions extends AsyncDisposable {
  /** `refuse` throws where the process that asks is dead. */
  open(refuse: () => void): Promise<SqlSession>
  readonly costs: Map<string, StatementCost>
  opened(): number
  /** Looks which of those who work wait for a lock of another. @returns how many were found */
  findBlocked(): Promise<number>
}

const nameOf = new Map<string, string>(Object.entries(statements).map(([name, text]) => [text, name]))
const shortName = (text: string) => nameOf.get(text) ?? text.trim().split(/\s+/).slice(0, 3).join(' ').slice(0, 40)

interface Pooled {
  readonly session: SqlSession
  readonly pid: number
  asking: boolean
  blocked: boolean
}

/**
 * Real sessions that are used again, as a new one for each of a hundred thousand functions would take longer than all
 * their statements; locks of the session go with its user.
 */
export async function openSessions(
  connect: (connection: PostgresConnection) => Promise<SqlSession>,
  connection: PostgresConnection,
  clock: VirtualClock,
): Promise<Sessions> {
  const free: Pooled[] = []
  const all = new Set<Pooled>()
  const costs = new Map<string, StatementCost>()
  const monitor = await connect(connection)
  let opened = 0

  async function take(): Promise<Pooled> {
    const known = free.pop()
    if (known !== undefined) return known
    const session = await connect(connection)
    const { rows } = await session.query<{ pid: number }>('select pg_backend_pid() as pid')
    opened += 1
    const pooled = { session, pid: rows[0]?.pid ?? 0, asking: false, blocked: false }
    all.add(pooled)
    return pooled
  }

  async function counted<T>(pooled: Pooled, name: string, work: () => Promise<T>): Promise<T> {
    const since = performance.now()
    pooled.asking = true
    try {
      return await work()
    } finally {
      pooled.asking = false
      if (pooled.blocked) clock.unblock()
      pooled.blocked = false
      const cost = costs.get(name) ?? { calls: 0, milliseconds: 0 }
      costs.set(name, { calls: cost.calls + 1, milliseconds: cost.milliseconds + performance.now() - since })
    }
  }

  return {
    costs,
    opened: () => opened,
    async open(refuse) {
      const pooled = await take()
      return wrapped(pooled, refuse, counted, async () => {
        const isSound = isAlive(refuse)
        if (isSound) {
          await pooled.session.query('select pg_advisory_unlock_all()')
          free.push(pooled)
          return
        }
        all.delete(pooled)
        await pooled.session[Symbol.asyncDispose]()
      })
    },
    async findBlocked() {
      const { rows } = await monitor.query<{ pid: number }>(
        `select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
      )
      const waiting = new Set(rows.map(({ pid }) => pid))
      const found = [...all].filter((one) => one.asking && !one.blocked && waiting.has(one.pid))
      for (const one of found) {
        one.blocked = true
        clock.block()
      }
      return found.length
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...all].map(({ session }) => session[Symbol.asyncDispose]()))
      await monitor[Symbol.asyncDispose]()
    },
  }
}

function isAlive(refuse: () => void): boolean {
  try {
    refuse()
    return true
  } catch {
    return false
  }
}

type Counted = <T>(pooled: Pooled, name: string, work: () => Promise<T>) => Promise<T>

function wrapped(pooled: Pooled, refuse: () => void, counted: Counted, dispose: () => Promise<void>): SqlSession {
  const { session } = pooled
  return {
    query(text, values) {
      refuse()
      return counted(pooled, shortName(text), () => session.query(text, values))
    },
    table: (text) => session.table(text),
    async transaction(work) {
      refuse()
      await counted(pooled, 'begin, commit', async () => undefined)
      return await session.transaction(work)
    },
    savepoint: (work) => session.savepoint(work),
    copyIn(statement, body, signal) {
      refuse()
      return session.copyIn(statement, body, signal)
    },
    copyOut: (statement, signal) => session.copyOut(statement, signal),
    [Symbol.asyncDispose]: dispose,
  }
}
