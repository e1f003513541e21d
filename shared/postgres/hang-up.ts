import { connect } from 'node:net'
import type { Client } from 'pg'

/** What pg keeps to itself, and what only a closed socket or a cancel request can do. */
interface Inside {
  readonly connection?: { readonly stream?: { destroy(): void } }
  readonly processID: number | null
  readonly secretKey: number | null
}

const insideOf = (client: Client) => client as unknown as Inside
const cancelWithinMs = 1_000
const farewellWithinMs = 2_000

/** Ends a connection that is still being made; `connect()` fails. */
export function dropConnection(client: Client): void {
  insideOf(client).connection?.stream?.destroy()
}

/**
 * Ends a session in the middle of a statement. The closed socket alone is not enough: a backend that waits for a lock, or
 * computes, looks at its socket only when it is done, so it is asked to cancel as well.
 */
export async function hangUp(client: Client): Promise<void> {
  const cancelled = requestCancel(client)
  // First `end`, which marks the end as ours; it would wait for a statement under way.
  void client.end().catch(() => undefined)
  dropConnection(client)
  await cancelled
}

/** A polite end; a server that does not answer any more is not waited for. */
export async function sayGoodbye(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, farewellWithinMs)
  })
  await Promise.race([client.end().catch(() => undefined), patience])
  clearTimeout(timer)
  dropConnection(client)
}

/** https://www.postgresql.org/docs/12/protocol-flow.html#id-1.10.5.7.10: a connection of its own, 16 bytes, no answer. */
function requestCancel(client: Client): Promise<void> {
  const { processID, secretKey } = insideOf(client)
  if (processID === null || secretKey === null) return Promise.resolve()
  const message = Buffer.alloc(16)
  message.writeInt32BE(16, 0)
  message.writeInt32BE(80_877_102, 4)
  message.writeInt32BE(processID, 8)
  message.writeInt32BE(secretKey, 12)
  return new Promise((resolve) => {
    const socket = connect({ host: client.host, port: client.port })
    socket.setTimeout(cancelWithinMs, () => socket.destroy())
    // A server that cannot be reached has noticed the closed session, or is gone.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
    socket.unref().resume().end(message)
  })
}
