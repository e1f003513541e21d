import { expect, test } from 'vitest'
import { asTransferError, TransferError } from '../../shared/errors/index.ts'
import { runAuthorSql } from '../../shared/load/author-sql.ts'

test('a statement that fails is told by its list and its place, keeps its code, and is not repeated', async () => {
  const ran: string[] = []
  const run = async (statement: string) => {
    ran.push(statement)
    if (statement.includes('bad')) throw new TransferError('target/sql-failed', 'no such table', { sqlstate: '42P01' })
  }
  const failed = runAuthorSql('postSql', ['select 1', "select bad('s3cret')", 'select 3'], run)
  const error = await failed.then(() => null, asTransferError)
  expect(error).toMatchObject({
    code: 'target/sql-failed',
    message: 'postSql, statement 2 of 3: no such table',
    context: { sqlstate: '42P01', parameter: 'postSql', statement: 2 },
  })
  expect(ran).toHaveLength(2)
  await expect(runAuthorSql('preSql', ['bad'], run)).rejects.toThrow(/^preSql: no such table$/)
})
