import { z } from '@hono/zod-openapi'
import { JobName } from '../job/index.ts'

const Counts = z.object({ read: z.number(), loaded: z.number(), dirty: z.number(), filtered: z.number() })

export const Report = z.object({
  code: z.string(),
  message: z.string(),
  advice: z.string(),
  context: z.record(z.string(), z.unknown()),
})
export const ErrorBody = z.object({ error: Report }).openapi('Error')

/** Strict, as the function is: a misspelled idempotency key would start a second run. */
export const StartBody = z
  .strictObject({
    job: z.union([z.string(), z.looseObject({ name: z.string(), script: z.unknown() })]).openapi({
      description: 'Name of a stored job, or a whole job document',
    }),
    parameters: z.record(z.string(), z.string()).optional(),
    datasources: z.record(z.string(), z.unknown()).optional(),
    idempotencyKey: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'Two calls with the same key are one run' }),
  })
  .openapi('Start')

export const Started = z.object({ runId: z.string(), outcome: z.enum(['started', 'existing']) }).openapi('Started')

export const BackfillBody = z
  .object({
    job: z.union([z.string(), z.looseObject({ name: z.string(), script: z.unknown() })]).openapi({
      description: 'Name of a stored job, or a whole job document',
    }),
    from: z.string().openapi({ description: 'First business date, yyyymmdd' }),
    to: z.string().openapi({ description: 'Last business date, yyyymmdd' }),
    parallel: z.number().int().min(1).max(100).default(1).openapi({ description: 'Business dates at the same time' }),
    name: z.string().default('backfill').openapi({
      description: 'A second call with the same name starts nothing twice; another name runs the dates again',
    }),
    parameters: z.record(z.string(), z.string()).optional(),
    datasources: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi('StartBackfill')

export const Backfill = z
  .object({
    runs: z.array(
      z.object({
        runId: z.string(),
        businessDate: z.string(),
        scheduledAt: z.string(),
        outcome: z.enum(['started', 'existing', 'refused']),
      }),
    ),
  })
  .openapi('Backfill')

export const Run = z
  .object({
    runId: z.string(),
    job: z.string(),
    state: z.enum(['waiting', 'planning', 'running', 'succeeded', 'failed', 'stopped']),
    rows: Counts,
    bytes: z.number(),
    seconds: z.number(),
    chunks: z.number(),
    chunksPlanned: z.number().nullable(),
    replayed: z.number(),
    dirtyObject: z.string().nullable(),
    error: z.record(z.string(), z.unknown()).nullable(),
    waitsFor: z.array(z.string()).openapi({ description: 'What has to come about before a cycle begins' }),
    notices: z.array(
      z.object({
        to: z.string(),
        outcome: z.enum(['due', 'delivered', 'undeliverable']),
        attemptsFailed: z.number(),
        error: z.record(z.string(), z.unknown()).nullable(),
      }),
    ),
    requestedAt: z.string(),
    finishedAt: z.string().nullable(),
    trouble: z
      .object({ piece: z.string(), error: z.record(z.string(), z.unknown()), at: z.string() })
      .nullable()
      .openapi({ description: 'Why the last attempt failed, which is repeated by itself' }),
    increment: z
      .object({
        column: z.string(),
        low: z.string().nullable(),
        lowIncluded: z.boolean(),
        high: z.string().nullable(),
      })
      .nullable()
      .openapi({ description: 'The rows of a run that reads on from a mark' }),
    decisions: z.array(z.object({ what: z.string(), why: z.string() })),
  })
  .openapi('Run')

const RunLine = z
  .object({
    runId: z.string(),
    job: z.string(),
    state: z.string(),
    requestedAt: z.string(),
    finishedAt: z.string().nullable(),
  })
  .openapi('RunLine')

export const RunList = z
  .object({ runs: z.array(RunLine), silent: z.array(z.object({ ledger: z.string(), error: Report })) })
  .openapi('RunList')

export const RunParameters = z.object({ runId: z.string().openapi({ param: { name: 'runId', in: 'path' } }) })
export const ListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(20),
  job: JobName.nullable().default(null),
  state: z.enum(['running', 'succeeded', 'failed', 'stopped']).nullable().default(null),
  since: z.string().optional().openapi({ description: 'Requested since: 24h, 7d, 2026-11-24 or an instant' }),
  before: z.iso.datetime().optional().openapi({ description: 'requestedAt of the last line of the page before' }),
})
