import { spawn } from 'node:child_process'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type JobName, type RunId, runIdOf, runKeyOfObject } from '../shared/job/index.ts'
import { root } from './support/deployment.ts'
import { eventually } from './support/fc.ts'
import { startTestStack, type TestStack } from './support/stack.ts'
import { tempDir } from './support/temp-dir.ts'

/** What README.md shows is run as it stands there, next to a stack that is up. */
const readme = await readFile(join(root, 'README.md'), 'utf8')
const blocks = (language: string) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text)

let stack: TestStack
let folder: string
const runs: string[] = []
beforeAll(async () => {
  stack = await startTestStack()
  folder = await tempDir('readme')
  // What a reader has: the SDKs, the command, a file of orders, and the job of the page.
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await mkdir(join(folder, 'bin'))
  const npx = `#!/bin/sh\nshift\nexec '${process.execPath}' '${join(root, 'shared/cli/bin.mjs')}' "$@"\n`
  await writeFile(join(folder, 'bin', 'npx'), npx)
  await chmod(join(folder, 'bin', 'npx'), 0o755)
  await writeFile(join(folder, 'orders.csv'), 'id,note\n1,first\n2,"second, with a comma"\n')
  await writeFile(join(folder, 'job.json'), blocks('json')[0] ?? '')
})
afterAll(() => stack?.close())

interface Ended {
  readonly code: number | null
  readonly out: string
}

function execute(command: string, words: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const path = `${join(folder, 'bin')}:${process.env.PATH}`
  const env = { PATH: path, HOME: folder, ADBPG_SYNC_HOME: stack.stateDir, ...environment }
  const child = spawn(command, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const pipe of [child.stdout, child.stderr])
    pipe.on('data', (piece) => {
      out += piece
    })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out })))
}

const orders = async () =>
  await stack.sql<{ id: string; note: string }>('select id, note from public.orders order by id')
const twoOrders = [
  { id: '1', note: 'first' },
  { id: '2', note: 'second, with a comma' },
]
const empty = () => stack.sql('truncate public.orders')

describe('the shell lines of "Use it"', () => {
  const lines = (blocks('sh').find((block) => block.includes('npx adbpg-sync sql')) ?? '').trim().split('\n')

  it.each(lines)('%s', async (line) => {
    const command = line.replace(/ +#.*/, '').replace('<run>', () => runs.at(-1) ?? 'none')
    const { code, out } = await execute('sh', ['-c', command])
    expect(code, out).toBe(0)
    const run = /\b(r[0-9a-f]{24})\b/.exec(out)?.[1]
    if (run !== undefined) runs.push(run)
    if (/ run /.test(line)) expect(out).toContain('succeeded')
    // The file of a job that is kept is loaded without being asked for.
    if (!/ run |\/in\//.test(line)) return
    await eventually(async () => (await orders()).length === 2)
    expect(await orders()).toEqual(twoOrders)
    await empty()
  })
})

/** The three ways, each with what comes before the first of them. */
const ways = (blocks('js')[0] ?? '').split(/^(?=\/\/ \d\. )/m)

/** A program of its own that knows `up` and the SDKs. */
async function runWay(number: number): Promise<Ended> {
  const file = join(folder, `way-${number}.mjs`)
  await writeFile(file, `const up = JSON.parse(process.env.UP)\n${ways[number - 1]}`)
  return await execute(process.execPath, [file], { UP: JSON.stringify(stack.stack.file.address) })
}

describe('the three ways in for a program', () => {
  beforeAll(async () => {
    await stack.sql('create table if not exists public.orders (id bigint primary key, note text)')
    await empty()
    // New bytes: the same ones under the same key would be the same run.
    await writeFile(join(folder, 'orders.csv'), 'id,note\n2,"second, with a comma"\n1,first\n')
    const job = JSON.parse(blocks('json')[0] ?? '{}') as { name: string }
    expect(job.name).toBe('orders')
    await stack.world.store.put('jobs/orders.json', Buffer.from(JSON.stringify(job)))
  })

  it('are three', () => {
    expect(ways.map((way) => way.slice(0, 4))).toEqual(['// 1', '// 2', '// 3'])
  })

  it('1: the dropped file', async () => {
    expect(await runWay(1)).toMatchObject({ code: 0 })
    const { bucket } = stack.world.store
    const head = await stack.world.store.head('in/orders/orders.csv')
    const runKey = runKeyOfObject('orders' as JobName, bucket, 'in/orders/orders.csv', head?.etag ?? '')
    expect(await stack.ended(await stack.waitForRun(runIdOf(runKey)))).toMatchObject({ state: 'succeeded' })
    expect(await orders()).toEqual(twoOrders)
    await empty()
  })

  it.each([2, 3])('%i: a call', async (way) => {
    const known = new Set(await runIds())
    expect(await runWay(way)).toMatchObject({ code: 0 })
    const started = await eventually(async () => (await runIds()).find((id) => !known.has(id)) ?? null)
    expect(await stack.ended(started)).toMatchObject({ state: 'succeeded', rows: { loaded: 2 } })
    expect(await orders()).toEqual(twoOrders)
    await empty()
  })

  const runIds = async () =>
    (await stack.sql<{ run_id: RunId }>(`select run_id from adbpg_sync.run where job = 'orders'`)).map(
      (row) => row.run_id,
    )
})
