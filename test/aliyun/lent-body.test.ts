import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ObjectStore } from '../../shared/ports/index.ts'
import { ossKeys, startTestOss, type TestOss } from '../support/oss.ts'
import { tempDir } from '../support/temp-dir.ts'
import { certificate, privateKey } from '../support/tls.ts'

let oss: TestOss
let store: ObjectStore
let etag: string
let dir: string
const size = 3_000_000
const body = Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 31) % 251))

beforeAll(async () => {
  dir = await tempDir('lent-body')
  oss = await startTestOss(dir)
  await oss.server.createBucket('bkt')
  store = await oss.openStore('bkt', ossKeys)
  ;({ etag } = await store.put('a key, of ü', body))
})
afterAll(() => oss.server.close())

it('comes in one buffer that is used again, and is whole', async () => {
  const memory = new Set<ArrayBufferLike>()
  const read: Buffer[] = []
  for await (const piece of store.readRange('a key, of ü', { start: 5, end: size, etag, lent: true })) {
    memory.add(piece.buffer)
    read.push(Buffer.from(piece))
  }
  expect(memory.size).toBe(1)
  expect(Buffer.concat(read).equals(body.subarray(5))).toBe(true)
})

/** To the local OSS, whatever lies between. */
function passOn(socket: Socket): void {
  const { port, hostname } = new URL(oss.server.endpoint)
  const through = connect(Number(port), hostname)
  socket.on('error', () => through.destroy()).pipe(through)
  through.on('error', () => socket.destroy()).pipe(socket)
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

it('that is left early hangs up', async () => {
  const proxy = createTcpServer(passOn)
  const through = await oss.openStore('bkt', ossKeys, `http://127.0.0.1:${await listening(proxy)}`)
  const connected = once(proxy, 'connection')
  for await (const _ of through.readRange('a key, of ü', { start: 0, end: size, etag, lent: true })) break
  const [socket] = (await connected) as [Socket]
  // With bytes that nobody has read, hanging up is a reset.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  proxy.close()
})

it('of an object that is gone, or another by now, is refused as ever', async () => {
  const range = { start: 0, end: size, etag, lent: true }
  const first = (key: string, how = range) => store.readRange(key, how)[Symbol.asyncIterator]().next()
  await expect(first('nothing')).rejects.toMatchObject({ code: 'source/object-missing' })
  await expect(first('a key, of ü', { ...range, etag: 'ANOTHER' })).rejects.toMatchObject({
    code: 'source/object-changed',
  })
})

it('comes over TLS, from a server whose certificate is checked', async () => {
  const tls = createServer({ cert: certificate, key: privateKey }, passOn)
  const endpoint = `https://127.0.0.1:${await listening(tls)}`
  const trusted = join(dir, 'trusted.pem')
  await writeFile(trusted, certificate)
  const script = fileURLToPath(new URL('../support/read-lent.ts', import.meta.url))
  const read = (environment: Record<string, string>) =>
    promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', script, endpoint, 'bkt', 'a key, of ü', etag, String(size)],
      {
        env: { ...process.env, ...environment },
      },
    )
  const { stdout } = await read({ NODE_EXTRA_CA_CERTS: trusted })
  expect(JSON.parse(stdout)).toEqual({ sha256: createHash('sha256').update(body).digest('hex'), buffers: 1 })
  await expect(read({})).rejects.toThrow(/self-signed certificate/)
  tls.close()
})
