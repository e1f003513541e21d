import { createCutter } from '../../shared/codecs/cut.ts'
import { defaultCsv } from '../../shared/codecs/encoding.ts'
import { RunId } from '../../shared/job/index.ts'
import * as ledger from '../../shared/ledger/index.ts'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import { rounded } from '../measure.ts'
import { rowsOfBytes } from '../rows.ts'
import { fillLedger } from '../simulation/fill-ledger.ts'
import { type Faults, noFaults } from '../simulation/platform.ts'
import { type Simulated, type SimulationOptions, simulate } from '../simulation/simulate.ts'

export interface ScaleOptions {
  readonly connect: (connection: PostgresConnection) => Promise<SqlSession>
  /** An empty database. */
  readonly connection: PostgresConnection
  readonly seed: number
  /** Numbers of chunks of whole runs; the largest may take minutes. */
  readonly sizes: readonly number[]
  /** Chunks of a ledger of which only a window is run. */
  readonly largest: number
}

const trouble: Faults = { throttled: 0.02, lost: 0.002, twice: 0.02, crash: 0.01, unavailable: 0.005 }
const window = 300

/** What the control path costs as runs grow, what faults cost a run, and how long the plan of a terabyte takes. */
export async function scale(options: ScaleOptions) {
  const { connect, connection, seed, sizes, largest } = options
  await using sql = await connect(connection)
  await sql.query('create table public.landed (chunk integer, row integer)')
  const base = { connect, connection, seed, rowsPerSlice: 2, sliceMs: 1000, concurrent: 100 }
  const alone = { ...base, instances: 1, faults: noFaults }
  const wholeRuns = []
  for (const direct of [true, false])
    for (const slices of sizes) wholeRuns.push(costOf(await checked(sql, { ...alone, slices, direct }), slices, direct))
  const faulty = []
  for (const direct of [true, false]) {
    const slices = Math.min(1000, ...sizes.slice(-1))
    const run = await checked(sql, { ...base, instances: 100, slices, direct, faults: trouble })
    faulty.push(faultsOf(run, { slices, direct }))
  }
  return {
    seed,
    wholeRuns,
    inALargeLedger: await lookUps(sql, largest),
    faulty,
    plan: await planCost(sql, largest),
    scan: await scanCost(),
  }
}

/** @throws when a row is missing, or there twice, or the counts of the run are not those of the table */
async function checked(sql: SqlSession, options: SimulationOptions): Promise<Simulated> {
  await sql.query('truncate public.landed')
  const simulated = await simulate(options)
  const { slices, direct, instances } = options
  console.error(
    `${slices} chunks${direct ? '' : ', staged'}, ${instances} instances: ${simulated.wallSeconds.toFixed(1)} s`,
  )
  const { rows } = await sql.query<{ rows: number; different: number }>(
    'select count(*)::integer as rows, count(distinct (chunk, row))::integer as different from public.landed',
  )
  const expected = options.slices * options.rowsPerSlice
  const { state, rows: counted } = simulated.report
  const found = [rows[0]?.rows, rows[0]?.different, counted.read, counted.loaded]
  if (state !== 'succeeded' || found.some((count) => count !== expected))
    throw new Error(
      `seed ${options.seed}: ${state}, ${found.join(', ')} of ${expected}: ${simulated.report.error?.message}`,
    )
  return simulated
}

function costOf({ costs, wallSeconds, cpuSeconds, counts }: Simulated, chunks: number, direct: boolean) {
  const all = [...costs.values()]
  const calls = all.reduce((sum, cost) => sum + cost.calls, 0)
  const milliseconds = all.reduce((sum, cost) => sum + cost.milliseconds, 0)
  return {
    chunks,
    staged: !direct,
    statementsPerChunk: rounded(calls / chunks),
    databaseMsPerChunk: rounded(milliseconds / chunks),
    cpuMsPerChunk: rounded((cpuSeconds * 1000) / chunks),
    wallMsPerChunk: rounded((wallSeconds * 1000) / chunks),
    largestPayloadBytes: counts.largestPayloadBytes,
  }
}

function faultsOf({ counts, crashes, ticks, virtualSeconds }: Simulated, of: { slices: number; direct: boolean }) {
  // A hundred at a time, of a second each: reading the source, which only one of the two steps does.
  const idealSeconds = of.slices / 100
  return { chunks: of.slices, staged: !of.direct, ...counts, crashes, ticks, virtualSeconds, idealSeconds }
}

/** The look-ups of a step at both ends of a large run, beside one that has ended: the same few, and as fast. */
async function lookUps(sql: SqlSession, chunks: number) {
  const idOf = (n: number) => RunId.parse(`r${String(n).padStart(24, 'f')}`)
  await fillLedger(sql, { runId: idOf(1), chunks, done: chunks, staged: false })
  const runId = idOf(2)
  await fillLedger(sql, { runId, chunks, done: chunks - window, staged: false })
  const cost = async (ordinal: number) => {
    const place = { runId, generation: 0, step: 'load', piece: `c${ordinal}-p0` } as const
    const seconds = await secondsOf(async () => {
      for (let n = 0; n < window; n += 1) {
        await ledger.readChunk(sql, { runId, ordinal: ordinal + n, part: 0 })
        await ledger.readProgress(sql, runId, ordinal + n)
        await ledger.readLastDispatch(sql, place)
        await ledger.listOpenChunks(sql, runId, { from: ordinal, to: ordinal + 100 }, 1)
      }
    })
    return rounded((seconds * 1000) / window)
  }
  const totals = await secondsOf(async () => {
    await ledger.countChunks(sql, runId)
    await ledger.countChunksDone(sql, runId)
  })
  return {
    chunks,
    lookUpsMsAtStart: await cost(0),
    lookUpsMsAtEnd: await cost(chunks - window),
    statusMs: totals * 1000,
  }
}

/** The rows of a plan, whose slices come from anywhere: 16,000 are a terabyte at 64 MB each. */
async function planCost(sql: SqlSession, largest: number) {
  const costs = []
  for (const chunks of [1_000, 16_000, largest]) {
    const runId = RunId.parse(`r${String(chunks).padStart(24, 'e')}`)
    const planned = Array.from({ length: chunks }, (_, ordinal) => chunkOf(ordinal))
    costs.push({
      chunks,
      seconds: rounded(await secondsOf(() => sql.transaction(() => ledger.insertChunks(sql, runId, planned)))),
    })
  }
  return costs
}

const chunkOf = (ordinal: number): ledger.NewChunk => ({
  ordinal,
  part: 0,
  slice: ordinal,
  records: null,
  bytes: 64 * 1024 * 1024,
  source: {
    from: 'source',
    slice: {
      key: `warehouse/orders/part-${ordinal}.csv`,
      etag: '9B2CF535F27731C974343645A3985328',
      start: 0,
      end: 67_108_864,
    },
  },
})

/** What a plan must do with every byte of a CSV whose quotes may hold newlines, on one core. */
async function scanCost() {
  const { bytes } = rowsOfBytes(64e6, 0)
  const gigabytes = 2
  const seconds = await secondsOf(async () => {
    const cutter = createCutter({
      encoding: defaultCsv,
      headerRecords: 0,
      targetBytes: 64 * 1024 * 1024,
      newline: 0x0a,
    })
    for (let read = 0; read < gigabytes * 1e9; read += bytes.length) cutter.add(bytes)
    cutter.end()
  })
  return { gigabytesPerSecond: rounded(gigabytes / seconds), secondsOfATerabyte: rounded((1000 * seconds) / gigabytes) }
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
