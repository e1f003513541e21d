import { JobName, type JobSpec, type RunId, RunKey } from '../../shared/job/index.ts'
import type { PostgresConnection, SqlSession } from '../../shared/ports/index.ts'
import { FinishEvent, LoadEvent, PlanEvent, StageEvent, TickEvent } from '../../shared/run/events.ts'
import { finishRun } from '../../shared/run/finish-run.ts'
import { loadChunk } from '../../shared/run/load-chunk.ts'
import { planRun } from '../../shared/run/plan-run.ts'
import { type RunReport, reportRun } from '../../shared/run/report.ts'
import { stageSlice } from '../../shared/run/stage-slice.ts'
import { startRun } from '../../shared/run/start-run.ts'
import { runStep } from '../../shared/run/step.ts'
import { tick } from '../../shared/run/tick.ts'
import type { Deadline, World } from '../../shared/run/world.ts'
import { drawOf } from './draw.ts'
import { passTime } from './pass-time.ts'
import { type Delivery, type Faults, type PlatformCounts, startPlatform } from './platform.ts'
import { openSessions, type StatementCost } from './sessions.ts'
import { virtualClock } from './virtual-clock.ts'
import { openWorlds } from './worlds.ts'

export interface SimulationOptions {
  readonly connect: (connection: PostgresConnection) => Promise<SqlSession>
  /** With the table `landed (chunk integer, row integer)`. */
  readonly connection: PostgresConnection
  readonly seed: number
  readonly slices: number
  readonly rowsPerSlice: number
  /** How long reading one slice takes, of the virtual clock. */
  readonly sliceMs: number
  /** false: slices are staged first, as those of a database. */
  readonly direct: boolean
  readonly instances: number
  readonly concurrent: number
  readonly faults: Faults
}

export interface Simulated {
  readonly runId: RunId
  readonly report: RunReport
  readonly counts: PlatformCounts
  readonly crashes: number
  readonly ticks: number
  readonly virtualSeconds: number
  readonly wallSeconds: number
  /** Of this process, the simulation itself included; that of the database is not. */
  readonly cpuSeconds: number
  readonly costs: ReadonlyMap<string, StatementCost>
}

const ample: Deadline = { signal: new AbortController().signal, softAt: new Date(8.64e15) }
const tickEveryMs = 60_000
/** A run that has not ended after two weeks does not end. */
const mostTicks = 14 * 24 * 60

/** A whole run: start, plan, every piece, finish, with ticks until it has ended; and what is delivered after its end. */
export async function simulate(options: SimulationOptions): Promise<Simulated> {
  const { connect, connection, seed, faults, instances } = options
  const draw = drawOf(seed)
  const clock = virtualClock(new Date('2026-11-25T00:00:00Z'))
  await using sessions = await openSessions(connect, connection, clock)
  await using watcher = await connect(connection)
  const state: State = { runId: null, report: null, ticks: 0 }
  const platform = startPlatform(clock, draw, { instances, faults }, async (delivery) => {
    await deliver(worlds.of(delivery), delivery)
    if (delivery.name !== 'finish' || state.runId === null) return
    const report = await reportRun(watcher, state.runId, clock.now())
    if (report !== null && report.finishedAt !== null) state.report = report
  })
  const worlds = openWorlds({ clock, draw, faults, sessions, invoker: platform.invoker })
  const [wallBefore, cpuBefore] = [performance.now(), process.cpuUsage()]
  clock.after(0, async () => {
    for (let attempt = 0; state.runId === null; attempt += 1) {
      const world = worlds.of({ taskId: 'start', copy: 0, attempt })
      const starting = startRun(world, requestOf(options), ample)
      // A caller repeats what failed, with the same key.
      state.runId = await starting.then(({ runId }) => runId).catch(() => null)
    }
  })
  const tickLater = () => clock.after(tickEveryMs, tickOnce)
  async function tickOnce(): Promise<void> {
    if (state.report !== null || state.ticks === mostTicks) return
    state.ticks += 1
    const event = { triggerTime: clock.now().toISOString(), triggerName: 'every-minute', payload: '' }
    const delivery: Delivery = { name: 'tick', event, taskId: `tick-${state.ticks}`, copy: 0, attempt: 0 }
    // A tick that failed is followed by the next.
    await deliver(worlds.of(delivery), delivery).catch(() => undefined)
    tickLater()
  }
  tickLater()
  await passTime(clock, sessions.findBlocked)
  const { runId, report, ticks } = state
  if (runId === null || report === null) throw new Error('nobody is left to go on with the run')
  const wallSeconds = (performance.now() - wallBefore) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpuSeconds = (user + system) / 1e6
  const { counts } = platform
  const crashes = worlds.crashes()
  const spent = { virtualSeconds: report.seconds, wallSeconds, cpuSeconds, costs: sessions.costs }
  return { runId, report, counts, crashes, ticks, ...spent }
}

interface State {
  runId: RunId | null
  report: RunReport | null
  ticks: number
}

/** As functions/*.ts do. */
async function deliver(world: World, { name, event }: Delivery): Promise<unknown> {
  if (name === 'plan') return await runStep(world, PlanEvent.parse(event), ample, planRun)
  if (name === 'stage') return await runStep(world, StageEvent.parse(event), ample, stageSlice)
  if (name === 'load') return await runStep(world, LoadEvent.parse(event), ample, loadChunk)
  if (name === 'finish') return await finishRun(world, FinishEvent.parse(event), ample)
  if (name === 'tick') return await tick(world, TickEvent.parse(event), ample)
  throw new Error(`nothing is sent to ${name}`)
}

/** Another simulation in the same ledger is another run: the key says all that the caller chose. */
function requestOf({ seed, slices, direct, ...options }: SimulationOptions): Parameters<typeof startRun>[1] {
  const { instances, faults } = options
  const kind = `${direct ? 'direct' : 'staged'}-${instances}-${faults.crash > 0 ? 'faults' : 'calm'}`
  const name = JobName.parse(`simulation-${seed}-${slices}-${kind}`)
  return { runKey: RunKey.parse(`${name}#1`), spec: specOf(name, { slices, direct, ...options }), trigger }
}

const trigger = { type: 'client', key: 'simulation' } as const

function specOf(name: JobName, options: Omit<SimulationOptions, 'seed'>): JobSpec {
  const { direct, slices, rowsPerSlice: rows, sliceMs, connection, concurrent } = options
  return {
    name,
    reader: { kind: direct ? 'simulated' : 'simulated-staged', options: { connection, slices, rows, sliceMs } },
    writer: { kind: 'adbpg', options: { connection, table: 'public.landed', column: ['*'] } },
    settings: {
      concurrent,
      errorLimit: { record: 0, percentage: null },
      bytesPerSecond: null,
      recordsPerSecond: null,
    },
    mapping: null,
    warnings: [],
  }
}
