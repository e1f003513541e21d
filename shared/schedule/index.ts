export { cronFault, dueTimes, parseCron, zoneOfCron } from './cron.ts'
export { type Cycle, cronOfCycle } from './cycle.ts'
export { type DateFamily, dateValue, looksDated } from './date-expression.ts'
export { type RunDates, readDay, readLocalTime, readScheduledTime, runDatesOf, writeDay } from './run-dates.ts'
export {
  awaitedTimes,
  lastTimeBetween,
  type Timetable,
  timesBetween,
  timesOfBusinessDate,
  timetableOf,
} from './timetable.ts'
export { dayMs, instantOf, startOfDay, type WallTime } from './wall-clock.ts'
export { isTimeZone } from './zone-periods.ts'
