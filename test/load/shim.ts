import { connectSql } from '../../shared/postgres/session.ts'
import { keptLog } from '../support/log.ts'
export const scratchConnection = (port = Number(process.env.SCRATCH ?? 55555), database = 'postgres') =>
  ({ kind: 'postgres', host: '127.0.0.1', port, database, user: 'adbpg', password: 'env:PW', ssl: 'disable' }) as const
export const openScratch = (port = Number(process.env.SCRATCH ?? 55555)) =>
  connectSql(scratchConnection(port), {
    secrets: { resolve: async () => 'pw' },
    applicationName: 'test',
    signal: new AbortController().signal,
    log: keptLog(),
  })
