import { asTransferError, TransferError } from '../errors/index.ts'

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
