import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as z from 'zod'
import { TransferError } from '../errors/index.ts'

/**
 * Ports of one local stack: free ones, chosen once. They stay the same over restarts, because a run keeps the address of
 * its databases in the ledger and goes on after a crash.
 */
export const StackPorts = z.object({ postgres: z.number().int(), oss: z.number().int(), fc: z.number().int() })
export type StackPorts = z.infer<typeof StackPorts>

export async function readOrChoosePorts(stateDir: string): Promise<StackPorts> {
  const file = join(stateDir, 'ports.json')
  try {
    return StackPorts.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const [postgres = 0, oss = 0, fc = 0] = await freePorts(3)
  await writeFile(file, JSON.stringify({ postgres, oss, fc }))
  return { postgres, oss, fc }
}

/** @throws platform/stack-busy with the port that somebody else has taken since they were chosen */
export async function refuseTakenPorts(stateDir: string, { oss, fc }: StackPorts): Promise<void> {
  for (const port of [oss, fc]) {
    const held = await listen(port).catch((cause: unknown) => {
      const message = `port ${port} of the local stack is taken by another process; end that, or remove ${join(stateDir, 'ports.json')}`
      throw new TransferError('platform/stack-busy', message, { port }, { cause })
    })
    await new Promise((resolve) => held.server.close(resolve))
  }
}

/** Held open together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all([...Array(count)].map(() => listen()))
  await Promise.all(servers.map((held) => new Promise((resolve) => held.server.close(resolve))))
  return servers.map((held) => held.port)
}

function listen(wanted = 0): Promise<{ server: ReturnType<typeof createServer>; port: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 })
    })
  })
}
