import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../shared/ledger/index.ts'
import { migrations } from '../../shared/ledger/statements.ts'
import { currentPackage, startTestPostgres, type TestPostgres } from '../support/postgres.ts'

/** The moment is short: without the repair both servers failed within these rounds, as seen on two cores. */
const rounds = 40

describe.each([undefined, currentPackage])('migration (%s)', (packageName) => {
  let postgres: TestPostgres
  beforeAll(async () => {
    postgres = await startTestPostgres(packageName)
  })
  afterAll(() => postgres?.close())

  it('by many sessions at once is done once, and every one of them goes on', async () => {
    const { connection } = await postgres.createDatabase()
    const sessions = await Promise.all(Array.from({ length: 8 }, () => postgres.connect(connection)))
    for (let round = 0; round < rounds; round += 1) {
      const applied = await Promise.all(sessions.map((session) => migrate(session, new Date())))
      expect(applied.flat().sort((a, b) => a - b)).toEqual(Object.keys(migrations).map(Number))
      await sessions[0]?.query('drop schema adbpg_sync cascade')
    }
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()))
  })
})
