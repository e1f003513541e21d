import { TransferError } from '../../errors/index.ts'

/**
 * Whether the server takes a session. A refused connection or `starting up` is "not yet".
 * @throws connect/wrong-credentials, which waiting does not cure
 */
export async function canConnect(
  { port, user, password }: { port: number; user: string; password: string },
  dataDir: string,
): Promise<boolean> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres', ssl: false })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === '28P01')) return false
    const message = `the data of PostgreSQL in ${dataDir} was made with another password; put back the credentials.json that belongs to it, or remove that folder to begin anew`
    throw new TransferError('connect/wrong-credentials', message, { user, dataDir }, { cause })
  } finally {
    await client.end().catch(() => undefined)
  }
}
