import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findConnection } from '../shared/cli/local-datasources.ts'
import { projectDir } from '../shared/cli/local-stack.ts'
import { openLocalSession } from '../shared/cli/session.ts'
import { TransferError } from '../shared/errors/index.ts'
import { type JobName, RunId, runIdOf, runKeyOfObject } from '../shared/job/index.ts'
import { removePostgresData } from '../shared/local/postgres/account.ts'
import { StackFile } from '../shared/local/stack.ts'
import type { Log, SqlSession } from '../shared/ports/index.ts'
import { type RunReport, reportRun } from '../shared/run/report.ts'
import { jobKey } from '../shared/staging/keys.ts'

export const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }
const never = new AbortController().signal

/** A local stack of its own, in a process of its own as users have it, and the ways into its database. */
export interface Lab extends AsyncDisposable {
  readonly stackPid: number
  /** For what the bench writes; gone at its end. */
  readonly dir: string
  readonly postgresUrl: string
  connect(): Promise<SqlSession>
  sql(statement: string): Promise<void>
  rows<R extends Record<string, unknown>>(statement: string): Promise<R[]>
  /** One session, one COPY. */
  copy(statement: string, bytes: Buffer): Promise<void>
  put(key: string, bytes: Buffer): Promise<void>
  /** In one request, as small objects are. */
  putWhole(key: string, bytes: Buffer): Promise<void>
  /** Files one behind the other as one object. `beforeLast` is done once its last part is about to be sent. @returns its etag */
  putFiles(key: string, paths: readonly string[], beforeLast?: () => Promise<void>): Promise<{ readonly etag: string }>
  remove(keys: readonly string[]): Promise<void>
  store(job: object & { readonly name: string }): Promise<void>
  /** From the call to the last commit. @throws when the run does not succeed */
  run(job: object): Promise<RunReport>
  /** The run that the arrival of an object starts. @throws when it does not succeed */
  runOfObject(job: string, key: string, etag: string): Promise<RunReport>
}

/** @param profileDir where functions and platform leave CPU profiles at their end; null: none */
export async function openLab(profileDir: string | null): Promise<Lab> {
  const stateDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-bench-'))
  const stack = await startStack(stateDir, profileDir)
  const file = StackFile.parse(JSON.parse(await readFile(join(stateDir, 'stack.json'), 'utf8')))
  const session = await openLocalSession({}, file, silent, never)
  const { world } = session
  const adbpg = await findConnection(world, 'adbpg_local')
  const ended = async (runId: RunId): Promise<RunReport> => {
    await using one = await world.connectSql(adbpg, never)
    // The report costs far more than this question, and would be asked for out of the CPU that is measured.
    for (const until = Date.now() + longestRunMs; !(await waitedInside(one, runId)); ) {
      if (Date.now() > until) throw new Error(`run ${runId} did not end within ${longestRunMs / 1000} s`)
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    const report = await reportRun(one, runId, new Date())
    if (report?.state === 'succeeded') return report
    throw new Error(report?.error?.message ?? `run ${runId} is gone, or did not end within ${longestRunMs / 1000} s`)
  }
  return {
    stackPid: stack.pid ?? 0,
    dir: stateDir,
    postgresUrl: file.address.postgres.url,
    connect: () => world.connectSql(adbpg, never),
    async sql(statement) {
      await using one = await world.connectSql(adbpg, never)
      await one.query(statement)
    },
    async rows<R extends Record<string, unknown>>(statement: string) {
      await using one = await world.connectSql(adbpg, never)
      return (await one.query<R>(statement)).rows
    },
    async copy(statement, bytes) {
      await using one = await world.connectSql(adbpg, never)
      await one.copyIn(statement, piecesOf(bytes))
    },
    async put(key, bytes) {
      await world.store.putStream(key, piecesOf(bytes))
    },
    async putWhole(key, bytes) {
      await world.store.put(key, bytes)
    },
    putFiles: (key, paths, beforeLast) => world.store.putStream(key, filesInRow(paths, beforeLast)),
    remove: (keys) => world.store.remove(keys),
    async store(job) {
      await world.store.put(jobKey(job.name), Buffer.from(JSON.stringify(job)), { contentType: 'application/json' })
    },
    async run(job) {
      const { runId } = (await world.invoker.invokeSync('start', { job }, 60_000)) as { runId: string }
      return await ended(RunId.parse(runId))
    },
    runOfObject: (job, key, etag) => ended(runIdOf(runKeyOfObject(job as JobName, world.store.bucket, key, etag))),
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]()
      await stop(stack)
      await removePostgresData(join(stateDir, 'postgres'))
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

const pollMs = 100
const lookSeconds = 0.02
/** 5 GB on a busy machine take ten minutes. */
const longestRunMs = 1_800_000

/**
 * The server looks, in one statement: asked by us every 100 ms, it took 0.3 CPU-seconds of each GB that was measured.
 * @returns false when there is no ledger yet
 */
async function waitedInside(sql: SqlSession, runId: RunId): Promise<boolean> {
  const isFinished = `exists (select from adbpg_sync.run_finished where run_id = '${runId}')`
  const looks = longestRunMs / 1000 / lookSeconds
  try {
    await sql.query(`do $$ begin
      for look in 1..${looks} loop exit when ${isFinished}; perform pg_sleep(${lookSeconds}); end loop;
    end $$`)
    return true
  } catch (error) {
    if (error instanceof TransferError && error.context.sqlstate === '42P01') return false
    throw error
  }
}

async function startStack(stateDir: string, profileDir: string | null): Promise<ChildProcess> {
  const options = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]
  const given = (process.env.ADBPG_SYNC_NODE_OPTIONS ?? '').split(' ')
  const stack = spawn(process.execPath, [...options, join(projectDir, 'shared/cli/bin.mjs'), 'up', '--json'], {
    env: { ...process.env, ADBPG_SYNC_HOME: stateDir, ADBPG_SYNC_NODE_OPTIONS: [...given, ...options].join(' ') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const isUp = once(stack.stdout, 'data')
  const hasEnded = once(stack, 'exit').then(() => Promise.reject(new Error('the stack did not start')))
  await Promise.race([isUp, hasEnded])
  hasEnded.catch(() => undefined)
  return stack
}

async function stop(stack: ChildProcess): Promise<void> {
  const gone = once(stack, 'exit')
  stack.kill('SIGINT')
  await gone
}

async function* filesInRow(paths: readonly string[], atEnd?: () => Promise<void>): AsyncIterable<Uint8Array> {
  for (const path of paths) yield* createReadStream(path, { highWaterMark: 1024 * 1024 })
  await atEnd?.()
}

async function* piecesOf(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024)
}
