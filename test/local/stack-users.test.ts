import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { hasUsers, joinStack } from '../../shared/local/stack-users.ts'
import { tempDir } from '../support/temp-dir.ts'

it('a folder without a stack has nothing to join and nobody in it', async () => {
  const stateDir = await tempDir('users')
  expect(await joinStack(stateDir)).toBeNull()
  expect(await hasUsers(stateDir)).toBe(false)
  expect(await readdir(stateDir)).toEqual([])
})

it('what a killed process left behind keeps no stack', async () => {
  const users = join(await tempDir('users'), 'users')
  await mkdir(users)
  const gone = spawn(process.execPath, ['-e', ''])
  await once(gone, 'exit')
  await writeFile(join(users, `${gone.pid}-a`), '')
  expect(await hasUsers(join(users, '..'))).toBe(false)
  await writeFile(join(users, `${process.pid}-b`), '')
  expect(await hasUsers(join(users, '..'))).toBe(true)
  expect(await readdir(users)).toEqual([`${process.pid}-b`])
})
