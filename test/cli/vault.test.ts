import { createHash, randomBytes } from 'node:crypto'
import { chmod, copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { forgetSecrets, keepSecrets } from '../../shared/cli/vault.ts'
import { openSecrets } from '../../shared/config/index.ts'
import type { SecretRef } from '../../shared/ports/index.ts'
import type { KeyPlace } from '../../shared/vault/vault-key.ts'
import { codeOf } from '../contract/object-store.ts'
import { tempDir } from '../support/temp-dir.ts'

const noKms = () => Promise.reject(new Error('KMS is not asked here'))

const open = async (variables: Readonly<Record<string, string>> = {}) => {
  const home = await tempDir('vault')
  const place = {
    dir: join(home, 'vault'),
    key: undefined as string | undefined,
    keyFile: join(home, 'of another folder', 'vault.key'),
  }
  const secretsWith = (change: Partial<KeyPlace>) =>
    openSecrets({ environment: {}, vault: { ...place, ...change }, readKms: noKms })
  const vault = { ...place, callerVariable: (name: string) => variables[name] }
  return { ...place, secretsWith, secrets: secretsWith({}), vault }
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
        if (!file.includes('.')) expect((await secrets.resolve(`vault:${file}`)).endsWith(long)).toBe(true)
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

it('gives nothing to who has the folder without the key, or with another one', async () => {
  const { dir, keyFile, secretsWith, vault } = await open()
  const secret = 'correct horse battery'
  const { password } = await keepSecrets({ password: secret }, 'a job', vault)
  const ref = password as SecretRef
  for (const file of await readdir(dir)) {
    const bytes = await readFile(join(dir, file))
    expect(bytes.includes(secret)).toBe(false)
    expect(file).not.toContain(createHash('sha256').update(secret).digest('hex').slice(0, 8))
  }
  expect((await stat(keyFile)).mode & 0o777).toBe(0o600)
  expect(await codeOf(secretsWith({ keyFile: `${keyFile}.gone` }).resolve(ref))).toBe('job/secret-missing')
  const other = randomBytes(32).toString('base64')
  await expect(secretsWith({ key: other }).resolve(ref)).rejects.toThrow(/does not open with the key/)
  expect(await secretsWith({ key: (await readFile(keyFile, 'utf8')).trim(), keyFile: '/nowhere' }).resolve(ref)).toBe(
    secret,
  )
})

it('does not open an entry that was changed, cut, or put under another name', async () => {
  const { dir, secrets, vault } = await open()
  const kept = await keepSecrets({ password: 'one', token: 'two' }, 'a job', vault)
  const names = [kept.password, kept.token].map((ref) => ref.slice('vault:'.length))
  const [one = '', two = ''] = names.map((name) => join(dir, name))
  const sealed = await readFile(one)
  for (const at of sealed.keys()) {
    const changed = Buffer.from(sealed)
    changed.writeUInt8((changed[at] ?? 0) ^ 1, at)
    await writeFile(one, changed)
    expect(await codeOf(secrets.resolve(kept.password as SecretRef)), `byte ${at}`).toBe('job/secret-missing')
    await writeFile(one, sealed.subarray(0, at))
    expect(await codeOf(secrets.resolve(kept.password as SecretRef)), `${at} bytes`).toBe('job/secret-missing')
  }
  await copyFile(two, one)
  expect(await codeOf(secrets.resolve(kept.password as SecretRef))).toBe('job/secret-missing')
})

it('refuses a key that others may read, and one that is none', async () => {
  const { keyFile, secrets, secretsWith, vault } = await open()
  const { password } = await keepSecrets({ password: 'p' }, 'a job', vault)
  await chmod(keyFile, 0o640)
  expect(await codeOf(secrets.resolve(password as SecretRef))).toBe('platform/misconfigured')
  expect(await codeOf(secretsWith({ key: 'too short' }).resolve(password as SecretRef))).toBe('platform/misconfigured')
})

it('makes no key for what holds no secret, and one for all who are first at once', async () => {
  const { keyFile, secrets, vault } = await open()
  await keepSecrets({ password: 'env:OF_THE_FUNCTION', token: 'kms:known' }, 'a job', vault)
  await expect(stat(keyFile)).rejects.toThrow(/ENOENT/)
  const kept = await Promise.all([...Array(20).keys()].map((n) => keepSecrets({ password: `${n}` }, 'a job', vault)))
  for (const [n, { password }] of kept.entries()) expect(await secrets.resolve(password as SecretRef)).toBe(`${n}`)
})

it('forgets the entries of one place and no other', async () => {
  const { secrets, vault } = await open()
  const [mine, other] = [
    await keepSecrets({ password: 'a' }, 'mine', vault),
    await keepSecrets({ password: 'a' }, 'other', vault),
  ]
  await forgetSecrets([mine.password, other.password, 'vault:mine_../x', 'text'], 'mine', vault)
  expect(await codeOf(secrets.resolve(mine.password as SecretRef))).toBe('job/secret-missing')
  expect(await secrets.resolve(other.password as SecretRef)).toBe('a')
})
