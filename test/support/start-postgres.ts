/*
 * A process of its own that starts PostgreSQL, says where it is in one line of JSON, and stays until it is killed or its
 * standard input ends. Its argument is the options in JSON.
 */
import { asTransferError } from '../../shared/errors/index.ts'
import { startPostgres } from '../../shared/local/postgres/server.ts'
import { keptLog } from './log.ts'

try {
  const options = JSON.parse(process.argv[2] ?? '{}') as { dataDir: string; password: string; port?: number }
  const server = await startPostgres({ ...options, durable: false, log: keptLog() })
  const { port, pid, url, dataDir } = server
  console.log(JSON.stringify({ port, pid, url, dataDir, uid: process.getuid?.() }))
  process.stdin.resume().on('end', () => void server.close())
} catch (thrown) {
  console.log(JSON.stringify({ error: asTransferError(thrown).report() }))
}
