import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { main } from '../../shared/cli/main.ts'
import { removePostgresData } from '../../shared/local/postgres/account.ts'
import { StackFile } from '../../shared/local/stack.ts'
import { eventually } from '../support/fc.ts'

const bin = fileURLToPath(new URL('../../shared/cli/bin.mjs', import.meta.url))
const homes: string[] = []
afterAll(async () => {
  for (const home of homes) {
    await removePostgresData(join(home, 'postgres'))
    await rm(home, { recursive: true, force: true })
  }
})

interface Answer {
  readonly code: number | null
  readonly out: string
}

/** `up` passes them on to its functions, and keeps them nowhere. */
const secretsOfShell = {
  ADBPG_PASSWORD: 'a secret of the shell',
  ADBPG_SYNC_VAULT_KEY: Buffer.alloc(32, 7).toString('base64'),
}

/** A command as a user would type it. */
function command(home: string, words: readonly string[]): { pid: number; ended: Promise<Answer> } {
  const child = spawn(process.execPath, [bin, ...words], {
    env: {
      ...process.env,
      ...secretsOfShell,
      ADBPG_SYNC_HOME: home,
      ADBPG_SYNC_CHUNK_BYTES: '262144',
      ADBPG_SYNC_LEASE_SECONDS: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  child.stdout.on('data', (piece) => {
    out += piece
  })
  const ended = new Promise<Answer>((resolve) => child.once('close', (code) => resolve({ code, out })))
  return { pid: child.pid ?? 0, ended }
}

/** A command next to the stack, without the half second that a process takes to begin. */
const verb = async (home: string, ...words: string[]) => {
  let out = ''
  const stdout = {
    write: (text: string) => {
      out += text
    },
  }
  const environment = { ...process.env, ADBPG_SYNC_HOME: home }
  const code = await main([...words, '--json'], {
    environment,
    stdin: Readable.from([]),
    stdout,
    stderr: { write: () => undefined },
  })
  return { code, answer: JSON.parse(out) as Record<string, unknown> & { rows: Record<string, unknown>[] } }
}

async function up(home: string): Promise<{ pid: number; file: StackFile; ended: Promise<Answer> }> {
  const started = command(home, ['up', '--json'])
  const file = await eventually(async () => {
    const text = await readFile(join(home, 'stack.json'), 'utf8').catch(() => null)
    const parsed = text === null ? null : StackFile.safeParse(JSON.parse(text))
    return parsed?.success && parsed.data.pid === started.pid ? parsed.data : null
  }, 30_000)
  return { ...started, file }
}

it('a stack killed in the middle of a run goes on after a restart, and every row is there once', {
  timeout: 120_000,
}, async () => {
  const home = await mkdtemp(join(tmpdir(), 'adbpg-sync-killed-'))
  homes.push(home)
  const first = await up(home)
  const kept = await readFile(join(home, 'stack.json'), 'utf8')
  for (const secret of Object.values(secretsOfShell)) expect(kept).not.toContain(secret)
  const { postgres, oss, fc, api } = first.file.address
  for (const text of [
    postgres.url,
    oss.endpoint,
    oss.bucket,
    oss.accessKeySecret,
    fc.endpoint,
    fc.accountId,
    api.url,
    api.token,
  ])
    expect(text).not.toBe('')
  await verb(home, 'sql', 'create table public.t (id bigint, note text)')
  const csv = join(home, 't.csv')
  const rows = 200_000
  await writeFile(csv, [...Array(rows).keys()].map((n) => `${n},"note\n${'x'.repeat(n % 40)}"\n`).join(''))
  expect((await verb(home, 'put', csv, 'oss:///data/t.csv')).code).toBe(0)
  const job = join(home, 'job.json')
  const end = (name: string, parameter: object) => ({ name, parameter })
  const content = [
    {
      reader: end('ossreader', { datasource: 'oss_local', object: 'data/t.csv', column: ['*'] }),
      writer: end('adbpgwriter', { datasource: 'adbpg_local', table: 'public.t', column: ['*'] }),
    },
  ]
  await writeFile(
    job,
    JSON.stringify({ job: { content, setting: { speed: { channel: 1 }, errorLimit: { record: 0 } } } }),
  )
  const started = await verb(home, 'run', job, '--detach')
  const count = async () =>
    Number(
      (await verb(home, 'sql', 'select count(*)::integer as n, count(distinct id)::integer as ids from public.t'))
        .answer.rows[0]?.n,
    )
  await eventually(async () => (await count()) > 0)
  process.kill(first.pid, 'SIGKILL')
  await first.ended
  const second = await up(home)
  const report = await eventually(async () => {
    const { answer } = await verb(home, 'status', String(started.answer.runId))
    return ['succeeded', 'failed'].includes(String(answer.state)) ? answer : null
  }, 60_000)
  expect(report).toMatchObject({ state: 'succeeded', rows: { read: rows, loaded: rows } })
  expect(
    (await verb(home, 'sql', 'select count(*)::integer as n, count(distinct id)::integer as ids from public.t')).answer
      .rows,
  ).toEqual([{ n: rows, ids: rows }])
  process.kill(second.pid, 'SIGINT')
  expect((await second.ended).code).toBe(0)
})
