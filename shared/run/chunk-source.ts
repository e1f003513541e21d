import { createCsvProjector, type Projection } from '../codecs/csv-project.ts'
import { copyText, Encoding } from '../codecs/encoding.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import type { Body, CopyTarget, RowTarget, Slice, Source } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type * as ledger from '../ledger/index.ts'
import { copyOrder } from '../load/copy-order.ts'
import type { ChangeFields } from '../transform/compile.ts'
import { transformRecords } from '../transform/rewrite.ts'
import { openSource } from './ends.ts'
import type { RunContext } from './run-context.ts'
import { changesOf } from './transforming.ts'

/** The bytes of a chunk, wherever they lie, readable more than once. */
export interface OpenedChunk extends AsyncDisposable {
  /** Of its records in their source. */
  readonly encoding: Encoding
  /** Of its records when the destination gets them. */
  readonly sent: Encoding
  /** Columns of the destination in the order of the fields. */
  columns(): Promise<string[]>
  read(): Promise<Body>
  /** What is done to records of a body on their way; null where they go as they lie. Counts of its own for each body. */
  rewriterOf(body: Pick<Body, 'encoding' | 'newline'>): RecordRewriter | null
  /** What remains of a chunk can be handed over to another invocation. */
  readonly canRest: boolean
  /** The next part, behind what was taken. */
  rest(consumed: { bytes: number; read: number }): ledger.NewChunk
}

/** No staged record is longer: its chunk was held in memory whole. */
const maxStagedRecordBytes = 1024 * 1024 * 1024

export async function openChunk(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  target: CopyTarget | RowTarget,
): Promise<OpenedChunk> {
  return chunk.source.from === 'stage'
    ? await openStaged(context, id, chunk, chunk.source, target)
    : await openDirect(context, id, chunk, chunk.source, target)
}

/** The rest of a chunk keeps its ordinal, so that the window counts it once. */
function nextPart(
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  source: ledger.ChunkSource,
  consumed: { bytes: number; read: number },
): ledger.NewChunk {
  const records = chunk.records === null ? null : chunk.records - consumed.read
  return {
    ordinal: id.ordinal,
    part: id.part + 1,
    slice: chunk.slice,
    source,
    records,
    // 0 where nobody knew them before they were read.
    bytes: Math.max(0, chunk.bytes - consumed.bytes),
  }
}

type StagedSource = Extract<ledger.ChunkSource, { from: 'stage' }>
type DirectSource = Extract<ledger.ChunkSource, { from: 'source' }>

const namesOf = async (target: CopyTarget | RowTarget) => (await target.columns()).map(({ name }) => name)

async function openStaged(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  source: StagedSource,
  target: CopyTarget | RowTarget,
): Promise<OpenedChunk> {
  const { world, deadline } = context
  const { key, etag, start, end, firstRecord } = source
  const change = await changesOfSource(context)
  const encoding = Encoding.parse(source.encoding)
  return {
    encoding,
    sent: change === null ? encoding : copyText,
    columns: () => namesOf(target),
    rewriterOf: (from) => (change === null ? null : transformRecords({ from, to: copyText, projection: null, change })),
    canRest: true,
    read: async () => ({
      encoding,
      newline: 0x0a,
      maxRecordBytes: maxStagedRecordBytes,
      origin: { name: `slice ${chunk.slice}, chunk ${id.ordinal}`, start, firstRecord },
      body: world.store.readRange(key, { start, end, etag, signal: deadline.signal }),
    }),
    rest: (consumed) => {
      const left = { ...source, start: start + consumed.bytes, firstRecord: firstRecord + consumed.read }
      return nextPart(id, chunk, left, consumed)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function openDirect(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  direct: DirectSource,
  target: CopyTarget | RowTarget,
): Promise<OpenedChunk> {
  const source = await openSource(context)
  const encoding = source.offer(target.preferred)
  const change = await changesOf(context, source)
  const fields = wayOfFields(source, direct.slice, change)
  return {
    encoding,
    sent: change === null ? encoding : copyText,
    columns: async () => {
      const names = await namesOf(target)
      return fields.order === null ? names : fields.order.map((column) => names[column] ?? '')
    },
    rewriterOf: fields.rewriterOf,
    canRest: source.rest !== null,
    read: () => source.read(direct.slice, encoding, context.deadline.signal),
    rest(consumed) {
      if (source.rest === null)
        throw new TransferError('internal/bug', 'this source cannot hand over the rest of a slice')
      const slice = source.rest(direct.slice, { bytes: consumed.bytes, records: consumed.read })
      return nextPart(id, chunk, { from: 'source', slice }, consumed)
    },
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

interface WayOfFields extends Pick<OpenedChunk, 'rewriterOf'> {
  /** COPY's column list says which field goes where, so that the bytes stay as they are; null: in the order of the table. */
  readonly order: readonly number[] | null
}

function wayOfFields(source: Source, slice: Slice, change: ChangeFields | null): WayOfFields {
  const projection = source.projection?.(slice) ?? null
  if (change !== null)
    return { order: null, rewriterOf: (from) => transformRecords({ from, to: copyText, projection, change }) }
  const order = projection === null ? null : copyOrder(projection)
  const picked = order === null ? projection : null
  return { order, rewriterOf: (body) => (picked === null ? null : csvProjector(body, picked)) }
}

/** @throws internal/bug for another format: only files of text have fields to pick, and their connectors say so */
function csvProjector({ encoding, newline }: Pick<Body, 'encoding' | 'newline'>, projection: Projection) {
  if (encoding.format === 'csv') return createCsvProjector(encoding, newline, projection)
  throw new TransferError('internal/bug', `fields of ${encoding.format} cannot be picked`)
}

/** A staged chunk does not know the types of its source, which decide how values are compared; a job without steps needs none. */
async function changesOfSource(context: RunContext): Promise<ChangeFields | null> {
  if ((context.run.spec.transform ?? []).length === 0) return null
  await using source = await openSource(context)
  return await changesOf(context, source)
}
