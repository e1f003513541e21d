import * as z from 'zod'
import { whenSound } from '../errors/index.ts'
import { type Cycle, cronFault, cronOfCycle, readLocalTime, zoneOfCron } from '../schedule/index.ts'
import { JobName } from './ids.ts'
import { zoneFault } from './time-zone.ts'

/** When a job runs and what else decides about it: what DataWorks keeps in its schedule panel (dataworks-datax.md §5.3). */

const ClockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 05:30')
const at = ClockTime.default('00:00')
const Hour = z.number().int().min(0).max(23)
const Days = z.array(z.union([z.number().int().min(1).max(31), z.literal('L')])).min(1)
const Weekday = z.enum(['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'])

const ScheduleCycle = z.discriminatedUnion('every', [
  z
    .strictObject({
      every: z.literal('minute'),
      /** Divides an hour, so that each hour has the same times. */
      step: z.union([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30].map((step) => z.literal(step))),
      fromHour: Hour.default(0),
      toHour: Hour.default(23),
    })
    .superRefine(
      ({ fromHour, toHour }, context) => {
        if (fromHour > toHour)
          context.addIssue({ code: 'custom', path: ['toHour'], message: 'must not be before fromHour' })
      },
      whenSound('fromHour', 'toHour'),
    ),
  z
    .strictObject({
      every: z.literal('hour'),
      step: z.number().int().min(1).max(23).default(1),
      from: at,
      to: ClockTime.default('23:59'),
    })
    .superRefine(
      ({ from, to }, context) => {
        if (from > to) context.addIssue({ code: 'custom', path: ['to'], message: 'must not be before from' })
      },
      whenSound('from', 'to'),
    ),
  z.strictObject({
    every: z.literal('hours'),
    hours: z.array(Hour).min(1),
    minute: z.number().int().min(0).max(59).default(0),
  }),
  z.strictObject({ every: z.literal('day'), at }),
  z.strictObject({ every: z.literal('week'), days: z.array(Weekday).min(1), at }),
  z.strictObject({ every: z.literal('month'), days: Days, at }),
  z.strictObject({ every: z.literal('year'), months: z.array(z.number().int().min(1).max(12)).min(1), days: Days, at }),
])

const LocalTime = z
  .string()
  .refine((text) => readLocalTime(text) !== null, 'must be a day or a time such as 2026-11-24 or 2026-11-24 05:00:00')

export const ScheduleTrigger = z
  .strictObject({
    type: z.literal('schedule'),
    /** Six fields, seconds first, as Function Compute writes them: `0 0 5 * * *`. This or `cycle`. */
    cron: z.string().optional(),
    cycle: ScheduleCycle.optional(),
    timeZone: z.string().default('Asia/Shanghai'),
    /** The time in which the schedule counts, on the clocks of the zone; a day is meant whole. */
    from: LocalTime.optional(),
    until: LocalTime.optional(),
  })
  .superRefine(refuseZone, whenSound('timeZone', 'cron'))
  .superRefine(refuseTimes, whenSound('cron', 'cycle'))
  .superRefine(
    ({ from, until }, context) => {
      if (from === undefined || until === undefined || (readLocalTime(from) ?? 0) <= (readLocalTime(until) ?? 0)) return
      context.addIssue({ code: 'custom', path: ['until'], message: `must not be before from, ${from}` })
    },
    whenSound('from', 'until'),
  )
export type ScheduleTrigger = z.infer<typeof ScheduleTrigger>

interface Times {
  readonly timeZone: string
  readonly cron?: string | undefined
  readonly cycle?: Cycle | undefined
}

function refuseZone({ cron, timeZone }: Times, context: z.core.$RefinementCtx): void {
  const zone = typeof cron === 'string' ? zoneOfCron(cron, timeZone) : timeZone
  const message = zoneFault(zone)
  const path = [zone === timeZone ? 'timeZone' : 'cron']
  if (message !== null) context.addIssue({ code: 'custom', path, message })
}

/** In a zone that is known, so that what is told here is about the fields. */
function refuseTimes(trigger: Times, context: z.core.$RefinementCtx): void {
  const { cron, cycle } = trigger
  if ((cron === undefined) === (cycle === undefined)) {
    context.addIssue({ code: 'custom', path: ['cron'], message: 'a schedule has either cron or cycle' })
    return
  }
  const own = zoneOf({ ...trigger, timeZone: 'UTC' })
  // Told by `refuseZone`. Looking a zone up costs more than all the rest.
  if (own !== 'UTC' && zoneFault(own) !== null) return
  const message = cronFault(cronOf(trigger), 'UTC')
  if (message !== null) context.addIssue({ code: 'custom', path: [cron === undefined ? 'cycle' : 'cron'], message })
}

export const cronOf = ({ cron, cycle }: { cron?: string | undefined; cycle?: Cycle | undefined }): string =>
  cron ?? (cycle === undefined ? '' : cronOfCycle(cycle))

/** The zone whose clocks a trigger goes by. */
export const zoneOf = (trigger: Times): string => zoneOfCron(cronOf(trigger), trigger.timeZone)

export const SchedulePolicy = z.strictObject({
  /** `dryRun`: a cycle succeeds without moving data (空跑). `paused`: no cycle begins, and jobs that depend on it wait (冻结). */
  mode: z.enum(['normal', 'dryRun', 'paused']).default('normal'),
  /** What becomes of cycles whose time passed while nothing ran: none of them, the last, or all. */
  missed: z.enum(['skip', 'last', 'all']).default('last'),
  /** A cycle waits until those of the same business date of these jobs have succeeded. */
  dependsOn: z.array(JobName).max(50).default([]),
  /** A cycle waits until the one before has succeeded. */
  dependsOnPrevious: z.boolean().default(false),
  rerun: z
    .strictObject({
      /** `failure`: a cycle that succeeded is not run again by a backfill. `never`: nor is one that failed, by anybody. */
      allowed: z.enum(['always', 'failure', 'never']).default('always'),
      /** How often a cycle that failed is gone on with by itself. */
      times: z.number().int().min(0).max(10).default(0),
      intervalSeconds: z.number().int().min(1).max(86_400).default(180),
    })
    .prefault({}),
  /** A cycle that takes longer, once it has begun, fails. null: no limit. */
  timeoutMinutes: z.number().int().min(1).max(10_080).nullable().default(null),
  /** Of cycles that are due at the same time, those with a higher one begin first. */
  priority: z.number().int().min(1).max(8).default(1),
})
export type SchedulePolicy = z.infer<typeof SchedulePolicy>
