import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readRunningStack } from '../../shared/local/find-stack.ts'

let stateDir: string
let server: Server | null = null
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-find-'))
})
afterEach(async () => {
  server?.closeAllConnections()
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)))
  server = null
  await rm(stateDir, { recursive: true })
})

async function listen(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise((resolve) => server?.listen(0, '127.0.0.1', () => resolve(null)))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function leaveFile(endpoint: string) {
  const keys = { region: 'cn-hangzhou', accessKeyId: 'i', accessKeySecret: 's' }
  const fc = { endpoint, accountId: '1', ...keys }
  const oss = { endpoint, bucket: 'b', ...keys }
  const address = { postgres: { url: 'postgres://' }, oss, fc, api: { url: 'http://', token: 't' } }
  await writeFile(join(stateDir, 'stack.json'), JSON.stringify({ pid: process.pid, address, environment: {} }))
}

test('there is none where no file says so', async () => {
  expect(await readRunningStack(stateDir)).toBeNull()
})

test('one that is slow to answer is found, and none is started beside it', async () => {
  const endpoint = await listen((_request, response) => {
    setTimeout(() => response.writeHead(403, { 'x-fc-request-id': 'r' }).end(), 2500)
  })
  await leaveFile(endpoint)
  expect((await readRunningStack(stateDir))?.address.fc.endpoint).toBe(endpoint)
})

test('one that never answers is told by its process', async () => {
  await leaveFile(await listen(() => undefined))
  await expect(readRunningStack(stateDir, 200)).rejects.toMatchObject({
    code: 'platform/stack-busy',
    message: expect.stringContaining(`process ${process.pid}`),
  })
})

test('the file of a killed one counts for nothing: nobody listens, or somebody else', async () => {
  const endpoint = await listen((_request, response) => response.end('a web server'))
  await leaveFile(endpoint)
  expect(await readRunningStack(stateDir)).toBeNull()
  await leaveFile('http://127.0.0.1:1')
  expect(await readRunningStack(stateDir)).toBeNull()
})
