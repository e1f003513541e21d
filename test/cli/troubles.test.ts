import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { requireAddressable } from '../../shared/aliyun/oss-keys.ts'
import { distinct } from '../../shared/cli/commands/sql.ts'
import { commandLine } from '../support/command-line.ts'
import { prepareState, removeState } from '../support/stack.ts'
import { tempDir } from '../support/temp-dir.ts'

/** What goes wrong before there is a stack, or because of the folder it is in. */
const { type } = commandLine((own) => ({ PATH: process.env.PATH, HOME: own.ADBPG_SYNC_HOME, ...own }))

it('tells its version', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect(await type(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

it.each(['', 'k'.repeat(201)])('an impossible key is wrong usage', async (key) => {
  const { code, stderr } = await type(['run', 'job.json', '--key', key])
  expect(code).toBe(2)
  expect(stderr).toMatch(/--key.*1 to 200 characters/)
})

it('a folder that cannot be written is named, with what to do', async () => {
  const file = join(await tempDir('read-only'), 'file')
  await writeFile(file, '')
  const ended = await type(['ls'], { ADBPG_SYNC_HOME: join(file, 'state') })
  expect(ended.code).toBe(1)
  expect(ended.stderr).toMatch(/platform\/misconfigured.*file\/state, cannot be used \(ENOTDIR\).*ADBPG_SYNC_HOME/s)
})

it.each([
  ['stack.json', '{"pid":', /end the stack.*remove it/],
  ['stack.json', '{}', /end the stack.*remove it/],
  ['ports.json', '{"postgres": 1}', /remove it/],
  ['credentials.json', '', /put back a copy/],
])('a damaged %s (%s) is named, with what to do', async (name, text, remedy) => {
  const home = await tempDir('damaged')
  await writeFile(join(home, name), text)
  const { code, stderr } = await type(['ls'], { ADBPG_SYNC_HOME: home })
  expect(code).toBe(1)
  expect(stderr).toContain(join(home, name))
  expect(stderr).toMatch(remedy)
  expect(stderr).not.toContain('internal/bug')
})

it('a key of OSS has at most 1023 bytes', () => {
  expect(() => requireAddressable('b', 'k'.repeat(1023))).not.toThrow()
  expect(() => requireAddressable('b', '键'.repeat(342))).toThrow(
    expect.objectContaining({ code: 'job/unsupported', message: expect.stringMatching(/1023 bytes.*1026/) }),
  )
})

it('two columns of one name are two members of a document', () => {
  expect(distinct(['a', 'a', 'a_2', 'b', 'a'])).toEqual(['a', 'a_3', 'a_2', 'b', 'a_4'])
  expect(distinct(['a', 'a'])).toEqual(['a', 'a_2'])
})

it('two commands that start a stack at the same time both get their answer', async () => {
  const home = await prepareState()
  try {
    const ended = await Promise.all([type(['ls'], { ADBPG_SYNC_HOME: home }), type(['ls'], { ADBPG_SYNC_HOME: home })])
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
  } finally {
    await removeState(home)
  }
}, 60_000)

it('a command that works on the stack of another keeps it until it has its answer', async () => {
  const home = await prepareState()
  try {
    const owner = type(['sql', 'select pg_sleep(1)'], { ADBPG_SYNC_HOME: home })
    while (!existsSync(join(home, 'stack.json'))) await sleep(20)
    const guest = await type(['sql', 'select pg_sleep(3)'], { ADBPG_SYNC_HOME: home })
    expect(guest).toMatchObject({ code: 0 })
    expect(await owner).toMatchObject({ code: 0 })
  } finally {
    await removeState(home)
  }
}, 60_000)

it('Ctrl-C in the demo ends it tidily', async () => {
  const demo = type(['demo'], { ADBPG_SYNC_HOME: await tempDir('demo') })
  process.emit('SIGINT')
  expect(await demo).toEqual({ code: 130, stdout: '', stderr: 'stopped by Ctrl-C\n' })
})
