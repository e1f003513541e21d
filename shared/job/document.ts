import * as z from 'zod'
import { TransformStep } from '../transform/step.ts'
import { JobName } from './ids.ts'
import { Notice, NoticeShape } from './notice.ts'
import { SchedulePolicy, ScheduleTrigger } from './schedule-shape.ts'

/**
 * The job document: a script in DataX or DataWorks form, wrapped by what the script cannot say. Kept in
 * `jobs/<name>.json` of the configuration bucket. Secrets stand in it only as references.
 */
/** How small objects that arrive together share a run. Rows, dirty records and counts of each are kept apart all the same. */
export const Gather = z.strictObject({
  waitMs: z
    .number()
    .int()
    .min(0)
    .max(60_000)
    .default(1000)
    .describe(
      'While more and more arrive, an object waits so long for others, at most. One that arrives alone does not wait.',
    ),
  maxFiles: z.number().int().min(1).max(20_000).default(10_000).describe('Objects of one run.'),
  maxBytes: z
    .number()
    .int()
    .min(1)
    .default(1024 * 1024 * 1024)
    .describe('Bytes of all objects of one run.'),
  maxFileBytes: z
    .number()
    .int()
    .min(1)
    .max(8 * 1024 * 1024)
    .default(8 * 1024 * 1024)
    .describe('A larger object has a run of its own.'),
})
export type Gather = z.infer<typeof Gather>

export const ObjectTrigger = z.strictObject({
  type: z.literal('object').describe('An object that arrives in a bucket.'),
  bucket: z.string().min(3).optional().describe("Unset: the bucket that the function's own trigger watches."),
  prefix: z
    .string()
    .default('')
    .meta({ description: 'What its key begins with.', examples: ['in/orders/'] }),
  suffix: z
    .string()
    .default('')
    .meta({ description: 'What its key ends with.', examples: ['.csv'] }),
  gather: z
    .union([z.literal(false), z.literal(0), Gather])
    .optional()
    .describe('Small objects that arrive together share a run. `false`: each has its own. Unset: the defaults.'),
})

export const Trigger = z.discriminatedUnion('type', [ObjectTrigger, ScheduleTrigger])
export type Trigger = z.infer<typeof Trigger>
export type ObjectTrigger = z.infer<typeof ObjectTrigger>

/**
 * Which column of the reader goes into which of the writer, by names: `{"target": "source"}`, or `byName` for columns that
 * are called the same. Without it, the first goes into the first.
 */
export const Mapping = z.union([z.literal('byName'), z.record(z.string().min(1), z.string().min(1))]).meta({
  description:
    'Columns by name: {"column of the writer": "column of the reader"}, or "byName" for those that are called the same. Unset: the first goes into the first.',
  examples: ['byName', { order_id: 'id', note: 'comment' }],
})
export type Mapping = z.infer<typeof Mapping>

/** Each costs time for each record, and nobody writes more by hand. */
export const maxTransformSteps = 100

export const JobDocument = z.strictObject({
  name: JobName.describe('Unset in a file: the name of the file.'),
  description: z.string().optional().describe('For people.'),
  /** DataX `{job:{…}}` or DataWorks `{type:"job",steps:[…]}`; parsed by `parseScript`. */
  script: z.unknown(),
  parameters: z
    .record(z.string(), z.string())
    .default({})
    .meta({
      description: 'Values of ${name} in the script when a trigger or a caller gives none.',
      examples: [{ region: 'hz' }],
    }),
  triggers: z.array(Trigger).default([]).describe('What starts the job, beside a call by its name.'),
  mapping: Mapping.optional(),
  transform: z
    .array(TransformStep)
    .max(maxTransformSteps)
    .optional()
    .describe("What is done to each record, in order; in the place of the script's own transformer."),
  notices: z.array(NoticeShape).max(10).optional().describe('Who is told when a run has ended.'),
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
    /** Of the whole run, all its functions together; null: no cap. */
    bytesPerSecond: z.number().positive().nullable(),
    recordsPerSecond: z.number().positive().nullable(),
  }),
  /** Names of the reader's columns in the order of the writer's, or those that the writer's are called; null: as they come. */
  mapping: z
    .union([z.literal('byName'), z.array(z.string())])
    .nullable()
    .default(null),
  /** Unset for a job whose records go as they are. */
  transform: z.array(TransformStep).optional(),
  /** Unset for a job without any. */
  notices: z.array(Notice).optional(),
  /** What was understood but not taken at its word, in one sentence each. */
  warnings: z.array(z.string()),
})
export type JobSpec = z.infer<typeof JobSpec>
