import { createHash } from 'node:crypto'
import * as z from 'zod'

/** A name that is a path segment, a task-id part and a line in a list. */
export const JobName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, 'a job name has 1 to 64 letters, digits, _ and -, and begins with a letter')
  .brand('JobName')
export type JobName = z.infer<typeof JobName>

export const RunId = z
  .string()
  .regex(/^r[0-9a-f]{24}$/)
  .brand('RunId')
export type RunId = z.infer<typeof RunId>

/**
 * What makes two deliveries of one trigger the same run (design §3):
 * `job@scheduled time`, `job@bucket/key@etag`, or a client's idempotency key.
 */
export const RunKey = z.string().min(1).max(2048).brand('RunKey')
export type RunKey = z.infer<typeof RunKey>

/** A pure function of the key, so a trigger delivered twice, anywhere, names the same run. */
export function runIdOf(key: RunKey): RunId {
  return RunId.parse(`r${createHash('sha256').update(key).digest('hex').slice(0, 24)}`)
}

export const runKeyOfSchedule = (job: JobName, triggerName: string, scheduledAt: string): RunKey =>
  RunKey.parse(`${job}@${triggerName}@${scheduledAt}`)
/** A backfill of another name is another run of the same time. */
export const runKeyOfBackfill = (job: JobName, backfill: string, triggerName: string, scheduledAt: string): RunKey =>
  RunKey.parse(`${job}@backfill:${backfill}@${triggerName}@${scheduledAt}`)
export const runKeyOfObject = (job: JobName, bucket: string, key: string, etag: string): RunKey =>
  RunKey.parse(`${job}@${bucket}/${key}@${etag}`)
/** Of the arrivals of a job, those that were gathered as its run of this number. */
export const runKeyOfGathering = (job: JobName, sequence: number): RunKey => RunKey.parse(`${job}@gathered@${sequence}`)
export const runKeyOfClient = (job: JobName, idempotencyKey: string): RunKey => RunKey.parse(`${job}#${idempotencyKey}`)

/**
 * The platform refuses a second task of the same id, so an id names one piece of work and one attempt at it.
 * Letters, digits, `_` and `-`, at most 128 characters (fc-oss.md §3.1).
 */
export function taskId(run: RunId, step: 'plan' | 'stage' | 'load' | 'finish', piece: string, attempt: number): string {
  return `${run}_${step}_${piece.replaceAll(/[^A-Za-z0-9_-]/g, '-')}_${attempt}`
}
