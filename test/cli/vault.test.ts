import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { keepSecrets } from '../../shared/cli/vault.ts'
import { openSecrets } from '../../shared/config/index.ts'
import type { SecretRef } from '../../shared/ports/index.ts'
import { codeOf } from '../contract/object-store.ts'
import { tempDir } from '../support/temp-dir.ts'

const open = async (variables: Readonly<Record<string, string>> = {}) => {
  const dir = join(await tempDir('vault'), 'vault')
  const secrets = openSecrets({}, dir)
  return { dir, secrets, vault: { dir, callerVariable: (name: string) => variables[name] } }
}

it('moves literal secrets and those that only the caller has, and leaves every other reference', async () => {
  const { dir, secrets, vault } = await open({ MINE: 'of the caller' })
  const script = {
    parameter: { username: 'u', password: 'literal', nested: [{ accessKey: 'env:MINE' }] },
    other: { password: '${p}', token: '', accessKey: 'env:OF_THE_FUNCTION', secret: 'vault:known' },
  }
  const kept = await keepSecrets(script, 'a job', vault)
  expect(kept.other).toEqual(script.other)
  expect(kept.parameter.username).toBe('u')
  expect(await secrets.resolve(kept.parameter.password as SecretRef)).toBe('literal')
  expect(await secrets.resolve(kept.parameter.nested[0]?.accessKey as SecretRef)).toBe('of the caller')
  const files = await readdir(dir)
  expect(files).toHaveLength(2)
  for (const file of files) expect((await stat(join(dir, file))).mode & 0o777).toBe(0o600)
})

it('keeps all of many secrets that are added at once, each whole whenever it is read', async () => {
  const { dir, secrets, vault } = await open()
  const long = 'x'.repeat(100_000)
  const jobs = [...Array(40).keys()].map((n) => keepSecrets({ password: `${n} ${long}` }, `job ${n % 3}`, vault))
  let reading = true
  const reader = (async () => {
    while (reading) {
      for (const file of await readdir(dir).catch(() => []))
        if (!file.includes('.')) expect((await readFile(join(dir, file), 'utf8')).endsWith(long)).toBe(true)
    }
  })()
  const kept = await Promise.all(jobs)
  reading = false
  await reader
  for (const [n, { password }] of kept.entries())
    expect(await secrets.resolve(password as SecretRef)).toBe(`${n} ${long}`)
})

it('leads to no other file, and has a name that fits whatever the place', async () => {
  const { secrets, vault } = await open()
  for (const ref of [
    'env:constructor',
    'vault:../credentials.json',
    'vault:/etc/passwd',
    'vault:',
    'vault:no_such',
  ] as const)
    expect(await codeOf(secrets.resolve(ref))).toBe('job/secret-missing')
  const { password } = await keepSecrets({ password: 'p' }, 'é/'.repeat(500), vault)
  expect(await secrets.resolve(password as SecretRef)).toBe('p')
})
