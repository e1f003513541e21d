import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { catalogue } from '../../shared/connectors/catalogue.ts'
import { findConnector, findReader, findWriter, kindOf, knownKinds } from '../../shared/connectors/find-connector.ts'

test('the catalogue is what the connector files say', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const command = ['--import', 'tsx', 'shared/connectors/generate-catalogue.ts', '--check']
  const { status, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' })
  expect([status, stderr]).toEqual([0, ''])
})

test('no two connectors answer to one name in the same role', () => {
  for (const names of [
    catalogue.flatMap((one) => one.readerNames ?? []),
    catalogue.flatMap((one) => one.writerNames ?? []),
  ]) {
    expect(new Set(names).size).toBe(names.length)
  }
})

test.each([
  ['reader', 'ossreader', 'oss', 'oss'],
  ['reader', 'OSS', 'oss', 'oss'],
  ['writer', 'adbpgwriter', 'adbpg', 'postgres'],
  ['writer', 'analyticdb_for_postgresql', 'adbpg', 'postgres'],
  ['reader', 'postgresqlreader', 'postgresql', 'postgres'],
] as const)('%s %s is %s and takes a datasource of kind %s', async (role, name, kind, connectionKind) => {
  expect(kindOf(role, name)).toBe(kind)
  const found = await findConnector(role, name)
  expect(found).toMatchObject({ kind, connectionKind })
  expect(found?.options.safeParse({}).success).toBe(false)
})

test('a writer’s name finds no reader, and an unknown one nothing', async () => {
  expect(kindOf('reader', 'osswriter')).toBeNull()
  expect(await findConnector('writer', 'odps')).toBeNull()
})

test('an unknown kind names those there are', async () => {
  expect(knownKinds('reader')).toEqual(['adbpg', 'mysql', 'oss', 'postgresql'])
  await expect(findReader('odps')).rejects.toMatchObject({
    code: 'job/unsupported',
    message: 'there is no connector odps; there are adbpg, mysql, oss, postgresql',
  })
  expect((await findWriter('oss')).kind).toBe('oss')
})

test('parameters that have no effect are dropped, and listed with the reason', async () => {
  const found = await findConnector('reader', 'adbpg')
  expect(found?.ignored.fetchSize).toMatch(/COPY/)
  for (const [parameter, why] of Object.entries(found?.ignored ?? {}))
    expect([parameter, why.length > 10]).toEqual([parameter, true])
})
