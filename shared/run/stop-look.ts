import type { SqlSession } from '../ports/index.ts'
import { type RunContext, refuseIfOver } from './run-context.ts'

/** How often a piece that keeps many dirty records asks. */
const lookMs = 500

export interface StopLook extends AsyncDisposable {
  /** Half a second after the last look, or after it was opened. */
  isDue(): boolean
  /**
   * @returns the session that asked, for what else is to be said or asked outside of the chunk's transaction
   * @throws run/stopped and the like
   */
  look(): Promise<SqlSession>
}

/** In a session of its own, opened with the first look: that of the chunk is busy with its records, which may take minutes. */
export function openStopLook(context: RunContext): StopLook {
  let opened: Promise<SqlSession> | null = null
  let nextLookMs = performance.now() + lookMs
  return {
    isDue: () => performance.now() >= nextLookMs,
    async look() {
      opened ??= context.world.connectSql(context.address, context.deadline.signal)
      nextLookMs = performance.now() + lookMs
      const sql = await opened
      await refuseIfOver({ ...context, sql })
      return sql
    },
    async [Symbol.asyncDispose]() {
      await (await opened)?.[Symbol.asyncDispose]()
    },
  }
}
