import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findConnection } from '../shared/cli/local-datasources.ts'
import { startLocalStack } from '../shared/cli/local-stack.ts'
import { openLocalSession } from '../shared/cli/session.ts'
import { RunId } from '../shared/job/index.ts'
import { removePostgresData } from '../shared/local/postgres/account.ts'
import type { Log } from '../shared/ports/index.ts'
import { type RunReport, reportRun } from '../shared/run/report.ts'

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined, child: () => silent }
const never = new AbortController().signal

/** A local stack of its own, and the two ways into its database: COPY by hand, and a run. */
export interface Lab extends AsyncDisposable {
  sql(statement: string): Promise<void>
  rows<R extends Record<string, unknown>>(statement: string): Promise<R[]>
  /** One session, one COPY. */
  copy(statement: string, bytes: Buffer): Promise<void>
  put(key: string, bytes: Buffer): Promise<void>
  /** In one request, as small objects are. */
  putWhole(key: string, bytes: Buffer): Promise<void>
  /** From the call to the last commit. @throws when the run does not succeed */
  run(job: object): Promise<RunReport>
}

export async function openLab(): Promise<Lab> {
  const stateDir = await mkdtemp(join(tmpdir(), 'adbpg-sync-bench-'))
  const stack = await startLocalStack(stateDir, silent, {})
  const session = await openLocalSession({}, stack.file, silent, never)
  const { world } = session
  const adbpg = await findConnection(world, 'adbpg_local')
  return {
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
    async run(job) {
      const { runId } = (await world.invoker.invokeSync('start', { job }, 60_000)) as { runId: string }
      await using one = await world.connectSql(adbpg, never)
      for (;;) {
        const report = await reportRun(one, RunId.parse(runId), new Date())
        if (report?.state === 'succeeded') return report
        if (report?.state === 'failed') throw new Error(report.error?.message)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async [Symbol.asyncDispose]() {
      await session[Symbol.asyncDispose]()
      await stack[Symbol.asyncDispose]()
      await removePostgresData(join(stateDir, 'postgres'))
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}

async function* piecesOf(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1024 * 1024) yield bytes.subarray(at, at + 1024 * 1024)
}
