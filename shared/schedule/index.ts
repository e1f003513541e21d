export { type CronItem, cronFault, dueTimes, parseCron } from './cron.ts'
