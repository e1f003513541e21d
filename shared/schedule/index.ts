export { type CronItem, dueTimes, parseCron } from './cron.ts'
