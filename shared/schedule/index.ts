export { cronFault, dueTimes, parseCron } from './cron.ts'
