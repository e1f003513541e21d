/** Whether the server takes a session. Anything else, a refused connection or `starting up`, is "not yet". */
export async function canConnect(port: number, user: string, password: string): Promise<boolean> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres' })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
