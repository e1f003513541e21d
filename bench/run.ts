/**
 * `npm run bench [-- --mb 200 --rounds 3]`: what the whole path costs beside COPY alone, in one run, interleaved, medians.
 * The ceiling is two plain COPY sessions over two halves of the file; ours goes from the end of the PUT over plan and load
 * to the last commit. Compare ratios, not seconds: they move with the machine.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { findConnection } from '../shared/cli/local-datasources.ts'
import { startLocalStack } from '../shared/cli/local-stack.ts'
import { openLocalSession } from '../shared/cli/session.ts'
import { RunId } from '../shared/job/index.ts'
import { removePostgresData } from '../shared/local/postgres/account.ts'
import type { Log } from '../shared/ports/index.ts'
import { reportRun } from '../shared/run/report.ts'

const { values } = parseArgs({
  options: { mb: { type: 'string', default: '200' }, rounds: { type: 'string', default: '3' } },
})
const [megabytes, rounds] = [Number(values.mb), Number(values.rounds)]
const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }
const never = new AbortController().signal

function makeHalf(from: number): { bytes: Buffer; rows: number } {
  const pieces: Buffer[] = []
  let [size, rows] = [0, 0]
  for (; size < (megabytes / 2) * 1e6; ) {
    const lines: string[] = []
    for (let n = 0; n < 10_000; n += 1, rows += 1) {
      const id = from + rows
      lines.push(
        `${id},customer ${id % 9973},${(id % 100_000) / 100},2026-01-${String((id % 28) + 1).padStart(2, '0')},"note ${id} ${'x'.repeat(id % 60)}"\n`,
      )
    }
    const piece = Buffer.from(lines.join(''))
    pieces.push(piece)
    size += piece.length
  }
  return { bytes: Buffer.concat(pieces), rows }
}

async function* piecesOf(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024)
}

const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0

const stateDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-bench-'))
const stack = await startLocalStack(stateDir, silent, {})
const session = await openLocalSession({}, stack.file, silent, never)
try {
  const { world } = session
  const adbpg = await findConnection(world, 'adbpg_local')
  const sql = async (text: string) => {
    await using one = await world.connectSql(adbpg, never)
    await one.query(text)
  }
  await sql('create unlogged table public.bench (id bigint, customer text, amount numeric(12,2), day date, note text)')
  const halves = [makeHalf(0), makeHalf(1e9)]
  const bytes = halves.reduce((sum, half) => sum + half.bytes.length, 0)
  const whole = Buffer.concat(halves.map((half) => half.bytes))
  const copyHalf = async (half: Buffer) => {
    await using one = await world.connectSql(adbpg, never)
    await one.copyIn('copy public.bench from stdin with (format csv)', piecesOf(half))
  }
  const end = (name: string, parameter: object) => ({ name, parameter })
  const content = [
    {
      reader: end('ossreader', { datasource: 'oss_local', object: 'data/bench.csv', column: ['*'] }),
      writer: end('adbpgwriter', { datasource: 'adbpg_local', table: 'public.bench', column: ['*'] }),
    },
  ]
  const job = {
    name: 'bench',
    script: { job: { content, setting: { speed: { channel: 2 }, errorLimit: { record: 0 } } } },
  }
  const wholePath = async () => {
    const answer = (await world.invoker.invokeSync('start', { job }, 60_000)) as { runId: string }
    await using one = await world.connectSql(adbpg, never)
    for (;;) {
      const report = await reportRun(one, RunId.parse(answer.runId), new Date())
      if (report?.state === 'succeeded') return
      if (report?.state === 'failed') throw new Error(report.error?.message)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await world.store.putStream('data/bench.csv', piecesOf(whole))
  const times = { copy: [] as number[], ours: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    await sql('truncate public.bench')
    times.copy.push(await seconds(() => Promise.all(halves.map((half) => copyHalf(half.bytes)))))
    await sql('truncate public.bench')
    times.ours.push(await seconds(wholePath))
    console.error(
      `round ${round + 1}: two COPY sessions ${times.copy.at(-1)?.toFixed(2)} s, whole path ${times.ours.at(-1)?.toFixed(2)} s`,
    )
  }
  const [copy, ours] = [median(times.copy), median(times.ours)]
  const rate = (time: number) => Number((bytes / 1e6 / time).toFixed(1))
  console.log(
    JSON.stringify(
      {
        bytes,
        rows: halves.reduce((sum, half) => sum + half.rows, 0),
        copySeconds: copy,
        oursSeconds: ours,
        copyMBps: rate(copy),
        oursMBps: rate(ours),
        ratio: Number((copy / ours).toFixed(2)),
      },
      null,
      2,
    ),
  )
} finally {
  await session[Symbol.asyncDispose]()
  await stack[Symbol.asyncDispose]()
  await removePostgresData(join(stateDir, 'postgres'))
  await rm(stateDir, { recursive: true, force: true })
}
