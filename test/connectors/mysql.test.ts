import { afterAll, describe, expect, test } from 'vitest'
import { reader, writer } from '../../shared/connectors/mysql.ts'
import { connectMysql } from '../../shared/mysql/session.ts'
import { describeReader, type SeedRow } from '../contract/reader.ts'
import { describeWriter } from '../contract/writer.ts'
import { startMariadb, type TestMariadb } from '../support/mariadb.ts'
import { testPassword, testSecrets } from '../support/postgres.ts'
import { onMariadb } from './mysql/on-mariadb.ts'
import { describeReading } from './mysql/reader.ts'
import { describeTypes } from './mysql/types.ts'
import { describeWriting } from './mysql/writer.ts'

const mariadb = await startMariadb()
const without = typeof mariadb === 'string' ? mariadb : null
const server = mariadb as TestMariadb
afterAll(async () => {
  if (without === null) await server.close()
})

const secrets = [testPassword, 'wrong-horse-battery']

describe.skipIf(without !== null)(`on MariaDB${without === null ? '' : `: ${without}`}`, () => {
  const on = onMariadb(server)
  const { never, contextOf, query, open, textOf, failure } = on

  describeReader<never>(reader as never, {
    wrongPasswordCode: 'connect/wrong-credentials',
    start: async () => ({
      context: contextOf,
      oracle: await on.postgres().connect(),
      log: on.postgres().log,
      secrets,
      withWrongPassword: (options: object) =>
        ({ ...options, connection: { ...server.connection, password: 'env:WRONG_PASSWORD' } }) as never,
      async seed(rows: readonly SeedRow[]) {
        await query('create or replace table seeded (id bigint, name text, key (id)) character set utf8mb4')
        for (const row of rows) await query('insert into seeded values (?, ?)', [...row])
        await query('analyze table seeded')
        return { connection: server.connection, table: 'seeded', column: ['*'], splitPk: 'id' } as never
      },
      async seedLarge() {
        await query('create or replace table large (id bigint, name text)')
        await query("insert into large select seq, repeat('x', 3000) from seq_1_to_15000")
        return { connection: server.connection, table: 'large', column: ['*'] } as never
      },
    }),
  })

  describeWriter<never>(writer as never, {
    kind: 'rows',
    wrongPasswordCode: 'connect/wrong-credentials',
    rows: async () => {
      const [rows] = await server.session.query({ sql: 'select id, name from written order by id', rowsAsArray: true })
      return rows as unknown[][]
    },
    start: async () => ({
      context: contextOf,
      session: null,
      log: on.postgres().log,
      secrets,
      withWrongPassword: (options: object) =>
        ({ ...options, connection: { ...server.connection, password: 'env:WRONG_PASSWORD' } }) as never,
      async fresh() {
        await query('create or replace table written (id varchar(10), name varchar(20)) character set utf8mb4')
        return { connection: server.connection, table: 'written', column: ['*'] } as never
      },
    }),
  })

  describeTypes(on)

  describe('the way to the server', () => {
    const cipher = "select variable_value from information_schema.session_status where variable_name = 'ssl_cipher'"

    test('is encrypted where the connection asks for it, and a certificate is checked where it asks for that', async ({
      skip,
    }) => {
      skip(!server.hasTls, 'there is no openssl to make a certificate')
      await using plain = await open({ querySql: cipher })
      expect(await textOf(plain)).toBe('\n')
      await using encrypted = await open({ querySql: cipher }, { ssl: 'require' })
      expect(await textOf(encrypted)).toMatch(/^TLS_|AES/)
      await using verified = await open({ querySql: cipher }, { ssl: 'verify-full' })
      expect(await failure(textOf(verified))).toMatchObject({
        code: 'connect/unreachable',
        message: expect.stringMatching(/certificate/),
      })
    })

    test('is what the server refuses: hosts, too many sessions', async () => {
      await server.root.query(
        `create user limited identified by '${testPassword}' with max_user_connections 1; grant select on test.* to limited`,
      )
      const limited = { ...server.connection, user: 'limited' }
      await using _only = await connectMysql(limited, { secrets: testSecrets, signal: never, log: on.postgres().log })
      await using source = await open({ querySql: 'select 1' }, { user: 'limited' })
      expect(await failure(textOf(source))).toMatchObject({ code: 'connect/too-many-connections' })
    })
  })

  describeReading(on)
  describeWriting(on)
})
