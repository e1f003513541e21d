import { asTransferError, TransferError } from '../errors/index.ts'
import type { Sql } from '../ports/index.ts'

/** A list of statements in a script: SQL of its author. */
export type AuthorList = 'preSql' | 'postSql' | 'session'

/**
 * Runs the statements of a list in their order. What fails is told by its place in the list; the statement itself is not
 * repeated, because it may hold data.
 * @throws what `run` does, with that place before the message
 */
export async function runAuthorSql(
  list: AuthorList,
  statements: readonly string[],
  run: (statement: string) => Promise<unknown>,
): Promise<void> {
  for (const [index, statement] of statements.entries()) {
    try {
      await run(statement)
    } catch (thrown) {
      const error = asTransferError(thrown)
      const place = statements.length === 1 ? list : `${list}, statement ${index + 1} of ${statements.length}`
      const context = { ...error.context, parameter: list, statement: index + 1 }
      throw new TransferError(error.code, `${place}: ${error.message}`, context, { cause: thrown })
    }
  }
}

/**
 * The same inside a transaction of ours, which stands around more than these statements: one that ended it would leave a run
 * half done, so each has to leave the savepoint before it in its place.
 * @throws job/invalid for a statement that ended the transaction
 */
export async function runInTransaction(sql: Sql, list: AuthorList, statements: readonly string[]): Promise<void> {
  await runAuthorSql(list, statements, async (statement) => {
    await sql.query('savepoint author')
    await sql.query(statement)
    try {
      await sql.query('release savepoint author')
    } catch (cause) {
      throw new TransferError('job/invalid', endsOurs, {}, { cause })
    }
  })
}

const endsOurs =
  'it ends the transaction of the run, in which it has to stand together with the rows; leave commit and rollback out'
