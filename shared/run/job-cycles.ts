import { TransferError } from '../errors/index.ts'
import { cronOf, type JobDocument, type JobName, type ScheduleTrigger } from '../job/index.ts'
import type { NewCycle, Wait } from '../ledger/index.ts'
import {
  awaitedTimes,
  runDatesOf,
  type Timetable,
  timesOfBusinessDate,
  timetableOf,
  writeDay,
} from '../schedule/index.ts'

/** A schedule of a job, by the name under which its runs are known. */
export interface NamedTimetable {
  readonly name: string
  readonly table: Timetable
}

export function timetablesOf({ triggers }: JobDocument): NamedTimetable[] {
  return triggers.flatMap((trigger, index) =>
    trigger.type === 'schedule' ? [{ name: `schedule${index}`, table: tableOf(trigger) }] : [],
  )
}

const tableOf = (trigger: ScheduleTrigger): Timetable => timetableOf({ ...trigger, cron: cronOf(trigger) })

/** A time at which a cycle of a job is due. */
export interface CycleTime {
  readonly at: Date
  readonly timeZone: string
}

export const businessDateOf = ({ at, timeZone }: CycleTime): string => writeDay(runDatesOf(at, timeZone).business)

/** All cycles of a job on a business date, each in the zone of its own schedule, in order. */
function timesOn(job: JobDocument, business: number): Date[] {
  const times = timetablesOf(job).flatMap(({ table }) => timesOfBusinessDate(table, business))
  return times.sort((a, b) => a.getTime() - b.getTime())
}

/**
 * What a cycle of a job waits for. A job it depends on that has no cycle on that business date, such as a weekly one on six
 * days of seven, is not waited for, as in DataWorks.
 * @throws job/unknown-job, job/invalid
 */
export async function waitsOfCycle(
  job: JobDocument,
  { dependsOn, dependsOnPrevious }: Pick<NewCycle['policy'], 'dependsOn' | 'dependsOnPrevious'>,
  time: CycleTime,
  findJob: (name: JobName) => Promise<JobDocument | null>,
): Promise<Wait[]> {
  const { business } = runDatesOf(time.at, time.timeZone)
  const ownDay = timesOn(job, business)
  const waits: Wait[] = dependsOnPrevious ? [{ for: 'previous' }] : []
  for (const name of dependsOn) {
    const other = await findUpstream(job, name, findJob)
    const times = awaitedTimes(time.at, ownDay, timesOn(other, business))
    waits.push(...times.map((at): Wait => ({ for: 'cycle', job: name, at: at.toISOString() })))
  }
  return waits
}

async function findUpstream(
  job: JobDocument,
  name: JobName,
  findJob: (name: JobName) => Promise<JobDocument | null>,
): Promise<JobDocument> {
  const context = { job: job.name, dependsOn: name }
  if (name === job.name)
    throw new TransferError('job/invalid', `job ${name} depends on itself; write dependsOnPrevious`, context)
  const other = await findJob(name)
  if (other === null)
    throw new TransferError(
      'job/unknown-job',
      `job ${job.name} depends on ${name}, and no job of this name is stored`,
      context,
    )
  if (timetablesOf(other).length === 0)
    throw new TransferError('job/invalid', `job ${job.name} depends on ${name}, which has no schedule`, context)
  return other
}
