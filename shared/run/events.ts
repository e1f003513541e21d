import * as z from 'zod'
import { RunId } from '../job/index.ts'
import type { PostgresConnection, SecretRef } from '../ports/index.ts'

const SecretReference = z.custom<SecretRef>((value) => typeof value === 'string' && /^(env|kms|vault):./.test(value), {
  message: 'must be a reference: env:NAME, kms:NAME or vault:NAME',
})

/** Where the ledger of a run is. Travels in every event; the password is a reference, never the secret. */
export const LedgerAddress: z.ZodType<PostgresConnection> = z.object({
  kind: z.literal('postgres'),
  host: z.string(),
  port: z.number().int(),
  database: z.string(),
  user: z.string(),
  password: SecretReference.nullable(),
  ssl: z.enum(['disable', 'require', 'verify-full']),
})

/** A call of `start` by the CLI, an SDK, the API or `s invoke`. */
export const StartEvent = z.strictObject({
  /** The name of a job in `jobs/`, or a whole job document. */
  job: z.union([z.string(), z.looseObject({ name: z.string(), script: z.unknown() })]),
  parameters: z.record(z.string(), z.string()).default({}),
  /** Definitions that go before those registered in `datasources/`; secrets in them are references. */
  datasources: z.record(z.string(), z.unknown()).default({}),
  /** Two calls with the same key are one run. Absent: each call is a run of its own. */
  idempotencyKey: z.string().min(1).max(200).optional(),
})
export type StartEvent = z.infer<typeof StartEvent>

const pieceOf = <S extends string>(step: S) => ({
  step: z.literal(step),
  runId: RunId,
  generation: z.number().int().min(0),
  ledger: LedgerAddress,
})

export const PlanEvent = z.object(pieceOf('plan'))
export const StageEvent = z.object({ ...pieceOf('stage'), epoch: z.number().int(), slice: z.number().int() })
export const LoadEvent = z.object({ ...pieceOf('load'), ordinal: z.number().int(), part: z.number().int() })
export const FinishEvent = z.object(pieceOf('finish'))
export const StepEvent = z.discriminatedUnion('step', [PlanEvent, StageEvent, LoadEvent, FinishEvent])
export type PlanEvent = z.infer<typeof PlanEvent>
export type StageEvent = z.infer<typeof StageEvent>
export type LoadEvent = z.infer<typeof LoadEvent>
export type FinishEvent = z.infer<typeof FinishEvent>
export type StepEvent = z.infer<typeof StepEvent>

/** fc-oss.md §4.2. Unknown keys are accepted: the platform adds some. */
export const OssEvent = z.object({
  events: z.array(
    z.object({
      eventName: z.string(),
      eventTime: z.string(),
      oss: z.object({
        bucket: z.object({ name: z.string() }),
        object: z.object({ key: z.string(), eTag: z.string(), size: z.number() }),
      }),
    }),
  ),
})
export type OssEvent = z.infer<typeof OssEvent>

/** fc-oss.md §4.1. */
export const TimerEvent = z.object({ triggerTime: z.string(), triggerName: z.string(), payload: z.string().optional() })
export type TimerEvent = z.infer<typeof TimerEvent>

/** What the platform sends to the failure destination of a task it gave up on (fc-oss.md §3.3; fields parsed defensively). */
export const FailureEvent = z.object({
  requestContext: z.looseObject({
    requestId: z.string().optional(),
    condition: z.string().optional(),
    approximateInvokeCount: z.number().optional().catch(undefined),
  }),
  requestPayload: z.unknown(),
  responsePayload: z.unknown().optional(),
})
export type FailureEvent = z.infer<typeof FailureEvent>

export const TickEvent = z.union([TimerEvent, FailureEvent])
export type TickEvent = z.infer<typeof TickEvent>
