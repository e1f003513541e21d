import { type CsvProjector, createCsvProjector, type Projection } from '../codecs/csv-project.ts'
import { Encoding } from '../codecs/encoding.ts'
import type { Body, CopyTarget, RowTarget, Slice, Source } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type * as ledger from '../ledger/index.ts'
import { copyOrder } from '../load/copy-order.ts'
import { openSource } from './ends.ts'
import type { RunContext } from './run-context.ts'

/** The bytes of a chunk, wherever they lie, readable more than once. */
export interface OpenedChunk extends AsyncDisposable {
  readonly encoding: Encoding
  /** Columns of the destination in the order of the fields. */
  columns(): Promise<string[]>
  read(): Promise<Body>
  /** Which fields are picked on their way; null where they go as they lie. */
  readonly projection: Projection | null
  /** Does that for a body. */
  projectorOf(body: Body): CsvProjector | null
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
    ? openStaged(context, id, chunk, chunk.source, target)
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
    bytes: chunk.bytes - consumed.bytes,
  }
}

type StagedSource = Extract<ledger.ChunkSource, { from: 'stage' }>
type DirectSource = Extract<ledger.ChunkSource, { from: 'source' }>

const namesOf = async (target: CopyTarget | RowTarget) => (await target.columns()).map(({ name }) => name)

function openStaged(
  { world, deadline }: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  source: StagedSource,
  target: CopyTarget | RowTarget,
): OpenedChunk {
  const { key, etag, start, end, firstRecord } = source
  const encoding = Encoding.parse(source.encoding)
  return {
    encoding,
    columns: () => namesOf(target),
    projection: null,
    projectorOf: () => null,
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
  const fields = wayOfFields(source, direct.slice)
  return {
    encoding,
    columns: async () => {
      const names = await namesOf(target)
      return fields.order === null ? names : fields.order.map((column) => names[column] ?? '')
    },
    projection: fields.projection,
    projectorOf: (body) => (fields.projection === null ? null : csvProjector(body, fields.projection)),
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

interface WayOfFields {
  /** COPY's column list says which field goes where, so that the bytes stay as they are; null: in the order of the table. */
  readonly order: readonly number[] | null
  /** What the column list cannot say. */
  readonly projection: Projection | null
}

function wayOfFields(source: Source, slice: Slice): WayOfFields {
  const projection = source.projection?.(slice) ?? null
  if (projection === null) return { order: null, projection: null }
  const order = copyOrder(projection)
  return { order, projection: order === null ? projection : null }
}

/** @throws internal/bug for another format: only files of text have fields to pick, and their connectors say so */
function csvProjector({ encoding, newline }: Body, projection: Projection): CsvProjector {
  if (encoding.format === 'csv') return createCsvProjector(encoding, newline, projection)
  throw new TransferError('internal/bug', `fields of ${encoding.format} cannot be picked`)
}
