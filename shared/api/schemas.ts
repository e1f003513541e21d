import { z } from '@hono/zod-openapi'
import { JobName } from '../job/index.ts'
import { PresentState } from '../ledger/index.ts'

const Counts = z.object({ read: z.number(), loaded: z.number(), dirty: z.number(), filtered: z.number() })

export const Report = z.object({
  code: z.string(),
  message: z.string(),
  advice: z.string(),
  context: z.record(z.string(), z.unknown()),
  faults: z
    .array(
      z.object({
        severity: z.enum(['error', 'warning']),
        path: z.string(),
        line: z.number().nullable(),
        column: z.number().nullable(),
        message: z.string(),
      }),
    )
    .readonly()
    .optional()
    .openapi({ description: 'Of a job that is refused: each fault, and the warnings of the same pass' }),
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

export const Started = z
  .object({
    runId: z.string(),
    outcome: z.enum(['started', 'existing']),
    warnings: z.array(z.string()).openapi({ description: 'What of the job is not taken at its word' }),
  })
  .openapi('Started')

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
    cost: z
      .object({
        currency: z.string(),
        total: z.string(),
        functions: z.string(),
        requests: z.string().nullable().openapi({ description: 'null: not priced, and not in total' }),
        cu: z.string(),
        invocations: z.number(),
        reads: z.number(),
        writes: z.number(),
        pricesAsOf: z.string(),
      })
      .openapi({ description: 'What its functions cost on the cloud, as far as they have ended; decimals as texts' }),
    chunks: z.number(),
    chunksPlanned: z.number().nullable(),
    replayed: z.number(),
    dirtyRolledBack: z.number().openapi({
      description:
        'Dirty records, at least, of pieces that were rolled back when the run ended badly; rows leaves them out',
    }),
    dirtyObject: z.string().nullable(),
    error: z.record(z.string(), z.unknown()).nullable(),
    waitsFor: z.array(z.string()).openapi({ description: 'What has to come about before a cycle begins' }),
    notices: z.array(
      z.object({
        to: z.string(),
        outcome: z.enum(['due', 'delivered', 'undeliverable']),
        attempts: z.number(),
        settledAt: z.string().nullable().openapi({ description: 'When it was delivered, or given up' }),
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
    warnings: z.array(z.string()).openapi({ description: 'What of its job is not taken at its word' }),
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
  state: PresentState.nullable().default(null),
  since: z.string().optional().openapi({ description: 'Requested since: 24h, 7d, 2026-11-24 or an instant' }),
  before: z.iso.datetime().optional().openapi({ description: 'requestedAt of the last line of the page before' }),
})
