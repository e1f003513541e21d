import type { Lab } from '../lab.ts'
import { rounded } from '../measure.ts'
import { rowsOfBytes, tableOfRows } from '../rows.ts'

/**
 * From the end of a PUT of 1 MB to its rows visible, warm. The bar is p50 < 300 ms and p99 < 1 s. Where the time goes is told by
 * what the ledger notes: the run's row, its plan, the sending of its load, the counts of its chunk (just before its commit).
 */
export async function latency(lab: Lab, { times }: { times: number }) {
  await lab.sql(`create table public.latency ${tableOfRows}`)
  await lab.putWhole('jobs/latency.json', Buffer.from(JSON.stringify(job)))
  const bytes = rowsOfBytes(1_000_000, 0).bytes
  const whole = bytes.subarray(0, bytes.lastIndexOf(0x0a, 1_000_000) + 1)
  const seen: Seen[] = []
  for (let round = -warmUp; round < times; round += 1) {
    await lab.sql('truncate public.latency')
    const one = await once(lab, `in/latency/${Date.now()}.csv`, whole)
    if (round >= 0) seen.push(one)
  }
  const at = (share: number, what: keyof Seen) => {
    const sorted = seen.map((one) => one[what]).sort((a, b) => a - b)
    return rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  }
  const both = (what: keyof Seen) => ({ p50: at(0.5, what), p99: at(0.99, what) })
  return {
    times,
    bytes: whole.length,
    milliseconds: both('visible'),
    breakdown: {
      eventAndObject: both('toRun'),
      plan: both('toPlan'),
      sending: both('toSent'),
      load: both('toDone'),
      commit: both('toVisible'),
    },
  }
}

const warmUp = 5

/** Milliseconds: each behind the one before. */
interface Seen {
  readonly visible: number
  readonly toRun: number
  readonly toPlan: number
  readonly toSent: number
  readonly toDone: number
  readonly toVisible: number
}

async function once(lab: Lab, key: string, bytes: Buffer): Promise<Seen> {
  await lab.putWhole(key, bytes)
  const put = Date.now()
  while ((await lab.rows('select 1 as one from public.latency limit 1')).length === 0) await pause(2)
  const visible = Date.now()
  const [times] = await untilEnded(lab)
  if (times === undefined) throw new Error('the run is not in the ledger')
  const { requested, planned, sent, done } = times
  return {
    visible: visible - put,
    toRun: requested - put,
    toPlan: planned - requested,
    toSent: sent - planned,
    toDone: done - sent,
    toVisible: visible - done,
  }
}

interface Times extends Record<string, unknown> {
  readonly requested: number
  readonly planned: number
  readonly sent: number
  readonly done: number
}

/** So that the next file finds a quiet stack. */
async function untilEnded(lab: Lab): Promise<Times[]> {
  for (;;) {
    const ended = await lab.rows<Times>(
      `select extract(epoch from r.requested_at)::float8 * 1000 as requested, extract(epoch from p.planned_at)::float8 * 1000 as planned,
              extract(epoch from x.at)::float8 * 1000 as sent, extract(epoch from d.done_at)::float8 * 1000 as done
       from (select * from adbpg_sync.run where job = 'latency' order by requested_at desc limit 1) r
       join adbpg_sync.run_plan p using (run_id) join adbpg_sync.chunk_done d using (run_id)
       join adbpg_sync.dispatch x on x.run_id = r.run_id and x.step = 'load'
       join adbpg_sync.run_finished f on f.run_id = r.run_id`,
    )
    if (ended.length > 0) return ended
    await pause(20)
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const end = (name: string, parameter: object) => ({ name, parameter })
const job = {
  name: 'latency',
  triggers: [{ type: 'object', prefix: 'in/latency/' }],
  script: {
    job: {
      content: [
        {
          reader: end('ossreader', { datasource: 'oss_local', object: '${object}', column: ['*'] }),
          writer: end('adbpgwriter', { datasource: 'adbpg_local', table: 'public.latency', column: ['*'] }),
        },
      ],
      setting: { speed: { channel: 1 }, errorLimit: { record: 0 } },
    },
  },
}
