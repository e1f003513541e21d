import { createServer } from 'node:net'

/** A port of the loopback address that nobody listens on at this moment. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const held = createServer()
    held.once('error', reject)
    held.listen(0, '127.0.0.1', () => {
      const address = held.address()
      held.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
