/**
 * `npm run bench:scale [-- --seed 1 --size 100 --size 1000 --largest 100000]`: the control path on a virtual clock, see
 * simulation/README.md. It needs no stack: a PostgreSQL of its own and the use cases are all there is.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { removePostgresData } from '../shared/local/postgres/account.ts'
import { startPostgres } from '../shared/local/postgres/server.ts'
import type { PostgresConnection } from '../shared/ports/index.ts'
import { connectSql } from '../shared/postgres/session.ts'
import { scale } from './parts/scale.ts'
import { silent } from './simulation/worlds.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    size: { type: 'string', multiple: true, default: ['100', '1000', '4000'] },
    largest: { type: 'string', default: '100000' },
  },
})
const password = 'of-the-simulation'
const secrets = { resolve: async () => password }
const { signal } = new AbortController()
const stateDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-scale-'))
const dataDir = join(stateDir, 'postgres')
const server = await startPostgres({ dataDir, password, durable: false, log: silent })
try {
  const { host, port, user } = server
  const connection = {
    kind: 'postgres',
    host,
    port,
    user,
    database: 'postgres',
    password: 'env:PASSWORD',
    ssl: 'disable',
  } as const
  const connect = (to: PostgresConnection) =>
    connectSql(to, { secrets, applicationName: 'adbpg-sync-simulation', signal, log: silent })
  const sizes = values.size.map(Number)
  const result = await scale({ connect, connection, seed: Number(values.seed), sizes, largest: Number(values.largest) })
  console.log(JSON.stringify(result, null, 2))
} finally {
  await server.close()
  await removePostgresData(dataDir)
  await rm(stateDir, { recursive: true, force: true })
}
