import * as z from 'zod'
import { JobName } from './ids.ts'
import { SchedulePolicy, ScheduleTrigger } from './schedule-shape.ts'

/**
 * The job document: a script in DataX or DataWorks form, wrapped by what the script cannot say. Kept in
 * `jobs/<name>.json` of the configuration bucket. Secrets stand in it only as references.
 */
export const ObjectTrigger = z.strictObject({
  type: z.literal('object'),
  /** null: the bucket that the function's own trigger watches. */
  bucket: z.string().min(3).optional(),
  prefix: z.string().default(''),
  suffix: z.string().default(''),
})

export const Trigger = z.discriminatedUnion('type', [ObjectTrigger, ScheduleTrigger])
export type Trigger = z.infer<typeof Trigger>
export type ObjectTrigger = z.infer<typeof ObjectTrigger>

export const JobDocument = z.strictObject({
  name: JobName,
  description: z.string().optional(),
  /** DataX `{job:{…}}` or DataWorks `{type:"job",steps:[…]}`; parsed by `parseScript`. */
  script: z.unknown(),
  /** Values of `${name}` in the script when a trigger or a caller gives none. */
  parameters: z.record(z.string(), z.string()).default({}),
  triggers: z.array(Trigger).default([]),
  /** What decides about the cycles of its schedules; without it, the defaults of `SchedulePolicy`. */
  schedule: SchedulePolicy.optional(),
})
export type JobDocument = z.infer<typeof JobDocument>

export const policyOf = ({ schedule }: JobDocument): SchedulePolicy => schedule ?? SchedulePolicy.parse({})

/** How many dirty records a run may have. null: no limit of that kind. */
export const ErrorLimit = z.object({
  record: z.number().int().min(0).nullable(),
  percentage: z.number().min(0).max(1).nullable(),
})
export type ErrorLimit = z.infer<typeof ErrorLimit>

/** One end of a job after parsing: `options` has been checked by the connector's own schema, secrets are references. */
export const JobEnd = z.object({ kind: z.string(), options: z.unknown() })
export type JobEnd = z.infer<typeof JobEnd>

/** A script whose parameters and datasources are resolved: what a run keeps in the ledger, and all that later steps need. */
export const JobSpec = z.object({
  name: JobName,
  reader: JobEnd,
  writer: JobEnd,
  settings: z.object({
    /** Upper bound of slices read, and of chunks loaded, at the same time. DataX `channel`, DataWorks `concurrent`. */
    concurrent: z.number().int().min(1).max(100),
    errorLimit: ErrorLimit,
    /** Megabytes per second of the whole run; null: no cap. */
    mbps: z.number().positive().nullable(),
  }),
  /** What was understood but not taken at its word, in one sentence each. */
  warnings: z.array(z.string()),
})
export type JobSpec = z.infer<typeof JobSpec>
