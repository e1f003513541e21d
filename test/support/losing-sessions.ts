import { TransferError } from '../../shared/errors/index.ts'
import type { SqlSession } from '../../shared/ports/index.ts'
import type { World } from '../../shared/run/world.ts'

export interface LosingWorld {
  readonly world: World
  /** What was lost; null while the run has not come that far. */
  lost(): string | null
}

/**
 * A world whose database answers everything but the n-th thing it makes durable: a transaction, or an insert outside of
 * one. It is done, but the connection breaks, so that nobody hears of it; or it breaks just before.
 */
export function losing(base: World, nth: number, when: 'before' | 'after'): LosingWorld {
  let count = 0
  let lost: string | null = null

  function wrapped(session: SqlSession): SqlSession {
    let isBroken = false
    let isWithin = false
    const refuseIfBroken = () => {
      if (isBroken) throw new TransferError('connect/lost', 'the connection had broken')
    }
    const breakNow = async (what: string) => {
      isBroken = true
      lost = what
      // The server ends what was open, as it does when it notices.
      await session[Symbol.asyncDispose]()
      throw new TransferError('connect/lost', `the connection broke ${when} ${what}`)
    }
    async function durable<T>(what: string, work: () => Promise<T>): Promise<T> {
      count += 1
      const isNow = count === nth
      if (isNow && when === 'before') await breakNow(what)
      // A refusal is an answer too.
      const answer = await work().then(
        (value) => () => value,
        (error: unknown) => () => Promise.reject(error),
      )
      if (isNow) await breakNow(what)
      return await answer()
    }
    return {
      async query(text, values) {
        refuseIfBroken()
        const run = () => session.query(text, values) as ReturnType<SqlSession['query']>
        const isInsert = !isWithin && /^\s*insert\b/i.test(text.replaceAll(/^--.*$/gm, ''))
        return (await (isInsert ? durable(tableOf(text), run) : run())) as never
      },
      table: (text) => session.table(text),
      async transaction(work) {
        refuseIfBroken()
        return await durable('a transaction', async () => {
          isWithin = true
          try {
            return await session.transaction(work)
          } finally {
            isWithin = false
          }
        })
      },
      savepoint: (work) => session.savepoint(work),
      copyIn(statement, body, signal) {
        refuseIfBroken()
        return session.copyIn(statement, body, signal)
      },
      copyOut(statement, signal) {
        refuseIfBroken()
        return session.copyOut(statement, signal)
      },
      async [Symbol.asyncDispose]() {
        if (!isBroken) await session[Symbol.asyncDispose]()
      },
    }
  }

  const world: World = {
    ...base,
    connectSql: async (connection, signal, spared) => wrapped(await base.connectSql(connection, signal, spared)),
  }
  return { world, lost: () => lost }
}

const tableOf = (text: string) => /insert\s+into\s+(\S+)/i.exec(text)?.[1] ?? 'an insert'
