import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { readOrChoosePorts } from '../../shared/local/ports.ts'
import { keptLog } from '../support/log.ts'
import { prepareState, removeState, startServers } from '../support/stack.ts'

test.each(['oss', 'fc'] as const)(
  'a port of %s that somebody else has taken is told, and what had started before has stopped',
  async (server) => {
    const stateDir = await prepareState()
    const port = (await readOrChoosePorts(stateDir))[server]
    const holder = createServer()
    await new Promise((resolve) => holder.listen(port, '127.0.0.1', () => resolve(null)))
    try {
      await expect(startServers(stateDir, {}, {}, keptLog())).rejects.toMatchObject({
        code: 'platform/stack-busy',
        message: expect.stringContaining(`port ${port}`),
        context: { port },
      })
      await new Promise((resolve) => holder.close(resolve))
      await using stack = await startServers(stateDir, {}, {}, keptLog())
      expect(stack.file.address[server].endpoint).toContain(String(port))
    } finally {
      holder.close()
      await removeState(stateDir)
    }
  },
)
