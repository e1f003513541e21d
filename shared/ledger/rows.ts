import * as z from 'zod'
import { errorCodes } from '../errors/index.ts'
import { JobName, JobSpec, RunId, RunKey } from '../job/index.ts'

/** Counts cross the wire as text, because bigint does not fit a JavaScript number by type; ours fit by value. */
export const Count = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
export const json = <T extends z.ZodType>(schema: T) =>
  z
    .string()
    .transform((text) => JSON.parse(text))
    .pipe(schema)

export const ErrorReportRow = z.object({
  code: z.enum(errorCodes),
  message: z.string(),
  advice: z.string(),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
})

/** What started a run, for people to read. */
export const TriggerFact = z.discriminatedUnion('type', [
  z.object({ type: z.literal('client'), key: z.string() }),
  z.object({ type: z.literal('schedule'), scheduledAt: z.string() }),
  z.object({
    type: z.literal('backfill'),
    backfill: z.string(),
    businessDate: z.string(),
    scheduledAt: z.string(),
  }),
  z.object({ type: z.literal('object'), bucket: z.string(), key: z.string(), etag: z.string(), size: z.number() }),
  /** Several that had arrived, which the ledger names. */
  z.object({ type: z.literal('objects'), bucket: z.string(), objects: z.number().int() }),
])
export type TriggerFact = z.infer<typeof TriggerFact>

export const RunRow = z
  .object({
    run_id: RunId,
    run_key: RunKey,
    job: JobName,
    spec: json(JobSpec),
    trigger: json(TriggerFact),
    requested_at: z.date(),
    generation: z.number().int(),
  })
  .transform((row) => ({
    runId: row.run_id,
    runKey: row.run_key,
    job: row.job,
    spec: row.spec,
    trigger: row.trigger,
    requestedAt: row.requested_at,
    generation: row.generation,
  }))
export type RunRow = z.infer<typeof RunRow>

export const RunState = z.enum(['succeeded', 'failed', 'stopped'])
export type EndState = z.infer<typeof RunState>
/** What a list shows of a run. */
export const PresentState = z.enum(['waiting', 'running', ...RunState.options])
export type PresentState = z.infer<typeof PresentState>

export const FinishedRow = z
  .object({ state: RunState, error: json(ErrorReportRow).nullable(), finished_at: z.date() })
  .transform((row) => ({ state: row.state, error: row.error, finishedAt: row.finished_at }))
export type FinishedRow = z.infer<typeof FinishedRow>

export const RunListRow = z
  .object({
    run_id: RunId,
    job: JobName,
    requested_at: z.date(),
    state: RunState.nullable(),
    finished_at: z.date().nullable(),
    waiting: z.boolean(),
  })
  .transform((row) => ({
    runId: row.run_id,
    job: row.job,
    requestedAt: row.requested_at,
    state: row.state ?? (row.waiting ? ('waiting' as const) : ('running' as const)),
    finishedAt: row.finished_at,
  }))
export type RunListRow = z.infer<typeof RunListRow>

export const Decisions = z.array(z.object({ what: z.string(), why: z.string() }))

export const PlanRow = z.object({
  epoch: z.number().int(),
  slices: z.number().int(),
  staged: z.boolean(),
  held: z.boolean(),
  decisions: json(Decisions),
  /** As run/plan-run.ts has written it. */
  capabilities: json(z.unknown()),
})
export type PlanRow = z.infer<typeof PlanRow>

export const SliceDescriptor = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
export type SliceDescriptor = z.infer<typeof SliceDescriptor>

/** Of a slice whose chunks become known one by one: how many, and what of the slice they hold. */
export const SliceProgress = z
  .object({ parts: z.number().int(), records: Count, source_bytes: Count })
  .transform((row) => ({ parts: row.parts, records: row.records, sourceBytes: row.source_bytes }))
export type SliceProgress = z.infer<typeof SliceProgress>

/** What a staged object was cut from, where that can be read again: places are told in it, and fields are picked as of it. */
export const CutFrom = z.object({
  slice: SliceDescriptor,
  name: z.string(),
  /** Of the first byte of the object. */
  start: z.number().int(),
  firstRecord: z.number().int(),
  newline: z.number().int(),
  maxRecordBytes: z.number().int(),
})
export type CutFrom = z.infer<typeof CutFrom>

/**
 * Where the bytes of a chunk are: an object that `stage` wrote, or a slice or several of a source that can be read again
 * and gives the same bytes.
 */
export const ChunkSource = z.discriminatedUnion('from', [
  z.object({
    from: z.literal('stage'),
    key: z.string(),
    etag: z.string(),
    start: z.number().int(),
    end: z.number().int(),
    firstRecord: z.number().int(),
    encoding: z.unknown(),
    /** Absent: COPY text of rows that no second read would give again. */
    cutFrom: CutFrom.optional(),
  }),
  z.object({ from: z.literal('source'), slice: SliceDescriptor }),
  z.object({
    from: z.literal('slices'),
    slices: z
      .array(z.object({ slice: SliceDescriptor, bytes: Count, records: Count, ending: z.string() }))
      .min(1)
      .readonly(),
  }),
])
export type ChunkSource = z.infer<typeof ChunkSource>

export const ChunkRow = z.object({
  slice: z.number().int(),
  source: json(ChunkSource),
  records: Count.nullable(),
  bytes: Count,
  done: z.boolean(),
})
export type ChunkRow = z.infer<typeof ChunkRow>

export const SliceRow = z.object({ descriptor: json(SliceDescriptor), done: z.boolean() })
export type SliceRow = z.infer<typeof SliceRow>

interface StartRow {
  readonly next_offset: number | null
  readonly next_record: number | null
}

const startOf = ({ next_offset: offset, next_record: firstRecord }: StartRow) =>
  offset === null || firstRecord === null ? null : { offset, firstRecord }

export const NextStart = z.object({ next_offset: Count, next_record: Count }).transform(startOf)

export const ChunkCounts = z
  .object({
    records_read: Count,
    records_loaded: Count,
    records_dirty: Count,
    records_filtered: Count,
    bytes: Count,
    dirty_object: z.string().nullable(),
    handed_over: z.boolean(),
    next_offset: Count.nullable(),
    next_record: Count.nullable(),
  })
  .transform((row) => ({
    read: row.records_read,
    loaded: row.records_loaded,
    dirty: row.records_dirty,
    filtered: row.records_filtered,
    bytes: row.bytes,
    dirtyObject: row.dirty_object,
    handedOver: row.handed_over,
    next: startOf(row),
  }))
export type ChunkCounts = z.infer<typeof ChunkCounts>

export const ChunkTotals = z
  .object({
    chunks_done: z.number().int(),
    records_read: Count,
    records_loaded: Count,
    records_dirty: Count,
    records_filtered: Count,
    bytes: Count,
  })
  .transform((row) => ({
    chunksDone: row.chunks_done,
    read: row.records_read,
    loaded: row.records_loaded,
    dirty: row.records_dirty,
    filtered: row.records_filtered,
    bytes: row.bytes,
  }))

export const PlannedTotals = z.object({
  chunks: z.number().int(),
  bytes: Count,
  records: Count,
  uncounted: z.number().int(),
})
export const SliceTotals = z
  .object({ slices_done: z.number().int(), records: Count, bytes: Count })
  .transform((row) => ({ slicesDone: row.slices_done, records: row.records, bytes: row.bytes }))

export const UploadRow = z
  .object({
    slice: z.number().int(),
    object_key: z.string(),
    upload_id: z.string().nullable(),
    records: Count,
    bytes: Count,
  })
  .transform((row) => ({
    slice: row.slice,
    key: row.object_key,
    uploadId: row.upload_id,
    records: row.records,
    bytes: row.bytes,
  }))

export const FailureRow = z.object({ step: z.string(), piece: z.string(), error: json(ErrorReportRow) })

export const NoticeRow = z
  .object({
    notice: z.number().int(),
    /** null: it is still to be sent. */
    outcome: z.enum(['delivered', 'undeliverable']).nullable(),
    at: z.date().nullable(),
    attempts_failed: z.number().int(),
    error: json(ErrorReportRow).nullable(),
  })
  .transform((row) => ({
    notice: row.notice,
    outcome: row.outcome,
    settledAt: row.at,
    attemptsFailed: row.attempts_failed,
    error: row.error,
  }))
export type NoticeRow = z.infer<typeof NoticeRow>

export const PublishedRow = z.object({ records_staged: Count, records_loaded: Count }).transform((row) => ({
  staged: row.records_staged,
  loaded: row.records_loaded,
}))
/** Records that were collected, and those of them that are in the table: a merge leaves some out. */
export type PublishedRow = z.infer<typeof PublishedRow>
