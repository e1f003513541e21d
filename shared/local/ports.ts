import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import { readStateFile } from './state-folder.ts'

/**
 * Ports of one local stack: free ones, chosen once. They stay the same over restarts, because a run keeps the address of
 * its databases in the ledger and goes on after a crash.
 */
export const StackPorts = z.object({ postgres: z.number().int(), oss: z.number().int(), fc: z.number().int() })
export type StackPorts = z.infer<typeof StackPorts>

export async function readOrChoosePorts(stateDir: string): Promise<StackPorts> {
  const file = join(stateDir, 'ports.json')
  const chosen = await readStateFile(
    file,
    StackPorts,
    'remove it; runs that are under way do not find their databases then',
  )
  if (chosen !== null) return chosen
  const [postgres = 0, oss = 0, fc = 0] = await freePorts(3)
  await writeFile(file, JSON.stringify({ postgres, oss, fc }))
  return { postgres, oss, fc }
}

/**
 * An error of a start, told by the port where somebody else has taken one since they were chosen. Trying the ports beforehand
 * would hold them for a moment, in the way of another start.
 */
export function asPortTaken(error: unknown, stateDir: string): unknown {
  if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error)) return error
  const port = Number(error.port)
  const message = `port ${port} of the local stack is taken by another process; end that, or remove ${join(stateDir, 'ports.json')}`
  return new TransferError('platform/stack-busy', message, { port }, { cause: error })
}

/**
 * Below those that systems give to connections (32768 on Linux, 49152 elsewhere): a port that the system itself gave might be
 * somebody's connection by the time that a server of ours wants it, at this start or after a stop.
 */
const firstPort = 15_000
const lastPort = 32_767

/** Held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all([...Array(count)].map(() => listen()))
  await Promise.all(servers.map((held) => new Promise((resolve) => held.server.close(resolve))))
  return servers.map((held) => held.port)
}

async function listen(): Promise<{ server: Server; port: number }> {
  for (;;) {
    const server = createServer()
    const port = randomInt(firstPort, lastPort)
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
      return { server, port }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error
    }
  }
}
