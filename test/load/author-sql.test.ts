import { afterAll, beforeAll, expect, test } from 'vitest'
import { asTransferError, TransferError } from '../../shared/errors/index.ts'
import { runAuthorSql, runInTransaction } from '../../shared/load/author-sql.ts'
import { startTestPostgres, type TestPostgres } from '../support/postgres.ts'

let postgres: TestPostgres
beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres?.close())

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

test.each(['rollback', 'commit', 'commit; begin', "select e'\\''; rollback"])(
  '%s of an author does not pass for the end of a transaction of ours',
  async (statement) => {
    const { connection } = await postgres.createDatabase()
    await using sql = await postgres.connect(connection)
    const run = sql.transaction(() => runInTransaction(sql, 'postSql', ['select 1', statement, 'create table late ()']))
    await expect(run).rejects.toMatchObject({
      code: 'job/invalid',
      message: expect.stringMatching(/^postSql, statement 2 of 3: it ends the transaction of the run/),
    })
    expect((await sql.query("select to_regclass('late') as late")).rows).toEqual([{ late: null }])
  },
)

test('statements of an author see each other, and go with the transaction', async () => {
  const { connection } = await postgres.createDatabase()
  await using sql = await postgres.connect(connection)
  const list = ['create table t (a integer)', 'insert into t values (1)', 'insert into t select a + 1 from t']
  await sql.transaction(() => runInTransaction(sql, 'preSql', list))
  expect((await sql.query('select sum(a)::integer as sum from t')).rows).toEqual([{ sum: 3 }])
})
