import type { Connection, ConnectionOptions } from 'mysql2'

const farewellWithinMs = 2_000

/**
 * Ends a session in the middle of a statement. A server that computes, or waits for a lock, does not see a closed socket, so
 * another session kills it; where that is not possible, the socket alone must do.
 */
export async function hangUp(client: Connection, config: ConnectionOptions): Promise<void> {
  const { threadId } = client
  client.destroy()
  if (threadId === null || threadId === undefined) return
  const { createConnection } = (await import('mysql2')).default
  const killer = createConnection({ ...config, connectTimeout: farewellWithinMs })
  killer.on('error', () => undefined)
  await withinPatience(new Promise<void>((resolve) => killer.query(`kill ${threadId}`, () => resolve())))
  killer.destroy()
}

/** A polite end; a server that does not answer any more is not waited for. */
export async function sayGoodbye(client: Connection): Promise<void> {
  await withinPatience(new Promise<void>((resolve) => client.end(() => resolve())))
  client.destroy()
}

async function withinPatience(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, farewellWithinMs)
  })
  await Promise.race([work, patience])
  clearTimeout(timer)
}
