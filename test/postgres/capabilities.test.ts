import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SqlSession } from '../../shared/ports/index.ts'
import { Capabilities, probeCapabilities, productOf } from '../../shared/postgres/capabilities.ts'
import { startTestServer, type TestServer } from '../contract/postgres-server.ts'

let server: TestServer
let session: SqlSession
beforeAll(async () => {
  server = await startTestServer()
  session = await server.connect()
})
afterAll(async () => {
  await session[Symbol.asyncDispose]()
  await server.close()
})

test('PostgreSQL shows what it can do, and the answer is plain JSON', async () => {
  const capabilities = await probeCapabilities(session)
  expect(Capabilities.parse(JSON.parse(JSON.stringify(capabilities)))).toEqual(capabilities)
  expect(capabilities).toMatchObject({
    server: { product: 'postgresql', adbpgVersion: null },
    onConflict: true,
    snapshotExport: true,
    segments: null,
    accessMethods: ['heap'],
    globalDeadlockDetector: null,
  })
  expect(capabilities.server.kernel).toBeGreaterThanOrEqual(120000)
})

test('the probe leaves nothing behind and can be repeated', async () => {
  await probeCapabilities(session)
  await probeCapabilities(session)
  const { rows } = await session.query("select relname from pg_class where relname like 'adbpg_sync_probe%'")
  expect(rows).toEqual([])
})

test('a role that may not make a temporary table gets an error, not a list of missing powers', async () => {
  const { rows } = await session.query<{ name: string }>('select quote_ident(current_database()) as name')
  const database = rows[0]?.name
  await session.query(`revoke temporary on database ${database} from public`)
  await session.query('create role without_temp')
  await session.query('set role without_temp')
  try {
    await expect(probeCapabilities(session)).rejects.toMatchObject({ code: 'connect/permission-denied' })
  } finally {
    await session.query('reset role')
    await session.query('drop role without_temp')
    await session.query(`grant temporary on database ${database} to public`)
  }
})

test.each([
  ['PostgreSQL 12.22 on x86_64-pc-linux-gnu', 'postgresql', '12.22'],
  ['PostgreSQL 9.4.26 (Greenplum Database 6.25.3 build commit:abc) on x86_64', 'greenplum', '6.25.3'],
  ['PostgreSQL 12.12 (Greenplum Database 7.5.0-WHPG build dev) on x86_64', 'greenplum', '7.5.0'],
  ['PostgreSQL 12.12 (Greengage Database 7.4.1 build) on x86_64', 'greenplum', '7.4.1'],
  ['PostgreSQL 14.4 (Apache Cloudberry 2.0.0-incubating build 1) on x86_64', 'cloudberry', '2.0.0'],
])('%s is %s %s', (version, product, number) => {
  expect(productOf(version, null)).toEqual({ product, version: number })
})

test('whatever answers SHOW adbpg_version is ADBPG', () => {
  const version = 'PostgreSQL 9.4.26 (Greenplum Database 6.3.0 build commit:abc) on x86_64'
  expect(productOf(version, '6.3.10.1')).toEqual({ product: 'adbpg', version: '6.3.0' })
})
