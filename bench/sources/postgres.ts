import { removePostgresData } from '../../shared/local/postgres/account.ts'
import { startPostgres } from '../../shared/local/postgres/server.ts'
import { silent } from '../lab.ts'
import { createLineitem } from '../lineitem.ts'
import { copyFromFile, psqlCopies, psqlWords } from '../psql.ts'
import { type BenchSource, type Secret, sourceTable } from './source.ts'

/** A second server, so that what reading costs stands apart from what writing does. @param dataDir where nothing is yet */
export async function openPostgresSource(path: string, secret: Secret, dataDir: string): Promise<BenchSource> {
  const server = await startPostgres({ dataDir, password: secret.text, durable: true, log: silent })
  const close = async () => {
    await server.close()
    await removePostgresData(dataDir)
  }
  try {
    for (const statement of loadStatements(path)) await psqlCopies(server.url, [statement])
  } catch (error) {
    await close()
    throw error
  }
  const { host, port, user: username } = server
  const login = { host, port, database: 'postgres', username, password: secret.ref, ssl: 'disable' }
  return {
    plugin: 'postgresqlreader',
    datasource: { type: 'postgresql', ...login },
    client: 'psql copy to stdout',
    printing: (where) => psqlWords(server.url, `copy (select * from ${sourceTable} where ${where}) to stdout`),
    [Symbol.asyncDispose]: close,
  }
}

const loadStatements = (path: string) => [
  createLineitem(sourceTable),
  copyFromFile(sourceTable, path),
  `alter table ${sourceTable} add id bigserial primary key`,
  // Marks rows as visible to all, which the first that reads would do.
  `vacuum analyze ${sourceTable}`,
]
