import { TransferError } from '../errors/index.ts'
import { cronOf, type JobDocument, type ScheduleTrigger, zoneOf } from '../job/index.ts'
import { dayMs, timesBetween, timetableOf } from '../schedule/index.ts'
import { checked, failed, passed, type Result, skipped, warned } from './finding.ts'

/** What an OSS trigger of the deployment watches. */
export interface Watched {
  readonly bucket: string
  readonly prefix: string
  readonly suffix: string
}

type Trigger = JobDocument['triggers'][number]

/** @param watched the OSS triggers of `s.yaml`; null where it is not at hand */
export async function checkTriggers(
  { triggers, schedule }: Pick<JobDocument, 'triggers' | 'schedule'>,
  watched: readonly Watched[] | null,
  home: { readonly bucket: string; readonly now: Date },
): Promise<Result[]> {
  if (triggers.length === 0) return [passed('trigger', 'none: the job runs when it is called')]
  const results = await Promise.all(triggers.map((trigger) => checkOne(trigger, watched, home)))
  const isPaused = schedule?.mode === 'paused' && triggers.some(({ type }) => type === 'schedule')
  return isPaused
    ? [...results, warned('schedule', 'paused: no cycle begins', 'Set schedule.mode to normal.')]
    : results
}

async function checkOne(
  trigger: Trigger,
  watched: readonly Watched[] | null,
  { bucket, now }: { bucket: string; now: Date },
): Promise<Result> {
  if (trigger.type === 'schedule') return await checked('schedule', async () => scheduleText(trigger, now))
  if (watched === null) return skipped('trigger', 'the triggers of the deployment are known where s.yaml is')
  return objectResult({ bucket: trigger.bucket ?? bucket, prefix: trigger.prefix, suffix: trigger.suffix }, watched)
}

const shown = ({ bucket, prefix, suffix }: Watched) => `oss://${bucket}/${prefix}*${suffix}`

function objectResult(wanted: Watched, watched: readonly Watched[]): Result {
  const inBucket = watched.filter(({ bucket }) => bucket === wanted.bucket)
  const all = inBucket.find((one) => wanted.prefix.startsWith(one.prefix) && wanted.suffix.endsWith(one.suffix))
  if (all !== undefined) return passed('trigger', `${shown(wanted)} is watched by ${shown(all)}`)
  const some = inBucket.find((one) => meet(one.prefix, wanted.prefix) && meetAtEnd(one.suffix, wanted.suffix))
  if (some !== undefined)
    return warned(
      'trigger',
      `only ${shown(some)} is watched of ${shown(wanted)}`,
      'Narrow prefix and suffix of the job, or widen the trigger in s.yaml and deploy.',
    )
  const there = watched.map(shown).join(', ') || 'nothing'
  return failed(
    'trigger',
    `nothing watches ${shown(wanted)}; s.yaml watches ${there}`,
    'Drop files where the trigger watches, or add a trigger to the function object in s.yaml and deploy.',
  )
}

const meet = (one: string, other: string) => one.startsWith(other) || other.startsWith(one)
const meetAtEnd = (one: string, other: string) => one.endsWith(other) || other.endsWith(one)

/** A minute's schedule is found in the first window, that of a leap day in the last. */
const windowDays = [1, 40, 366, 3000]

function scheduleText(trigger: ScheduleTrigger, now: Date): string {
  const [cron, timeZone] = [cronOf(trigger), zoneOf(trigger)]
  const table = timetableOf({ ...trigger, cron, timeZone })
  for (const days of windowDays) {
    const [next] = timesBetween(table, now, new Date(now.getTime() + days * dayMs))
    if (next !== undefined) return `"${cron}" in ${timeZone} is due next at ${next.toISOString()}`
  }
  throw new TransferError('job/invalid', `"${cron}" in ${timeZone} is not due in the next ${windowDays.at(-1)} days`)
}
