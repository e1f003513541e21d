export { cronFault, dueTimes, parseCron, zoneOfCron } from './cron.ts'
export { type DateFamily, dateValue, looksDated } from './date-expression.ts'
export { type RunDates, readDay, readScheduledTime, runDatesOf } from './run-dates.ts'
