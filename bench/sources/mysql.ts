import { startMariadb, type TestMariadb } from '../../test/support/mariadb.ts'
import { findMysqlClient } from '../../test/support/mariadb-binaries.ts'
import { finished, type Words } from '../command.ts'
import { lineitemColumns } from '../lineitem.ts'
import { type BenchSource, type Secret, sourceTable } from './source.ts'

/** The table in memory, as PostgreSQL's is in the cache of the kernel. */
const settings = ['--innodb-buffer-pool-size=1G', '--innodb-log-file-size=256M']

/** A MariaDB. @returns why there is none where the server or the client is not to be had */
export async function openMysqlSource(path: string, secret: Secret): Promise<BenchSource | string> {
  const client = await findMysqlClient()
  if ('missing' in client) return client.missing
  const server = await startMariadb(settings)
  if (typeof server === 'string') return server
  const words = wordsOf(client, server, secret)
  try {
    await server.root.query(`create user bench identified by '${secret.text}'; grant all on test.* to bench`)
    for (const statement of loadStatements(path)) await finished(words(['--local-infile=1'], statement))
  } catch (error) {
    await server.close()
    throw error
  }
  const { host, port, database } = server.connection
  return {
    plugin: 'mysqlreader',
    datasource: { type: 'mysql', host, port, database, username: 'bench', password: secret.ref, ssl: 'disable' },
    client: 'mysql --quick --batch',
    printing: (where) =>
      words(['--quick', '--batch', '--skip-column-names'], `select * from ${sourceTable} where ${where}`),
    [Symbol.asyncDispose]: () => server.close(),
  }
}

type Client = Exclude<Awaited<ReturnType<typeof findMysqlClient>>, { missing: string }>

function wordsOf({ program, environment }: Client, { connection }: TestMariadb, secret: Secret) {
  const { host, port, database } = connection
  const variables = Object.entries({ ...environment, MYSQL_PWD: secret.text }).map((pair) => pair.join('='))
  const login = ['--no-defaults', '--protocol=tcp', `--host=${host}`, `--port=${port}`, '--user=bench', database]
  return (options: readonly string[], statement: string): Words => [
    'env',
    ...variables,
    program,
    ...login,
    '--default-character-set=utf8mb4',
    ...options,
    `--execute=${statement}`,
  ]
}

function loadStatements(path: string): string[] {
  const columns = lineitemColumns.map((column) => column.join(' ')).join(', ')
  const names = lineitemColumns.map(([name]) => name).join(', ')
  return [
    `create table ${sourceTable} (${columns}, id bigint auto_increment primary key) character set utf8mb4`,
    `load data local infile '${path}' into table ${sourceTable} character set utf8mb4
      fields terminated by ',' optionally enclosed by '"' escaped by '' (${names})`,
    `analyze table ${sourceTable}`,
  ]
}
