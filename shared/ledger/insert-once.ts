import { TransferError } from '../errors/index.ts'
import type { Sql } from '../ports/index.ts'

/** The primary key was there already (SQLSTATE 23505). */
export function isDuplicate(error: unknown): boolean {
  return error instanceof TransferError && error.context.sqlstate === '23505'
}

/**
 * Inserts a fact, or finds that it is known. Without ON CONFLICT, which the 9.4 dialect lacks, the primary key decides:
 * a second session waits for the first to commit and then fails on it.
 * Outside a transaction only: inside one, the failed insert would abort the rest.
 */
export async function insertOnce(sql: Sql, statement: string, values: readonly unknown[]): Promise<boolean> {
  try {
    await sql.query(statement, values)
    return true
  } catch (error) {
    if (isDuplicate(error)) return false
    throw error
  }
}
