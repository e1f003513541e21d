import { type CopyEncoding, Encoding } from '../codecs/encoding.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import type { Body, CopyTarget, ReadHow, RowTarget, Slice, SliceStart, Source } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import type { Column } from '../schema/index.ts'
import { openSource } from './ends.ts'
import { joinSlices } from './joined-slices.ts'
import { askedForm, sentForm } from './record-form.ts'
import type { RunContext } from './run-context.ts'
import { changesOf } from './transforming.ts'
import { type WayOfFields, wayOfFields } from './way-of-fields.ts'

/** The bytes of a chunk, wherever they lie, readable more than once. */
export interface OpenedChunk extends AsyncDisposable {
  /** Of its records in their source. */
  readonly encoding: Encoding
  /** Of its records when the destination gets them. */
  readonly sent: CopyEncoding
  /** Columns of the destination in the order of the fields. @param session in its database; unset: it opens one */
  columns(session?: Sql): Promise<readonly Column[]>
  /** @param how `lent`: the reader is done with each piece when it asks for the next */
  read(how?: Pick<ReadHow, 'lent'>): Promise<Body>
  /**
   * What is done to records of a body on their way; null where they go as they lie. Counts of its own for each body.
   * @param columns as `columns` gave them
   */
  rewriterOf(body: Pick<Body, 'encoding' | 'newline'>, columns: readonly Column[]): RecordRewriter | null
  /** What remains of a chunk can be handed over to another invocation. */
  readonly canRest: boolean
  /** The next part, behind what was taken. */
  rest(consumed: Consumed): ledger.NewChunk
  /** null: the chunk begins where its slice says. */
  readonly guesses: GuessedChunk | null
}

type Consumed = Pick<ledger.ChunkCounts, 'bytes' | 'read' | 'next'>

/** A chunk of a file that was cut at guesses. */
export interface GuessedChunk {
  readonly start: SliceStart & { readonly isGuess: boolean }
  /** The same chunk, begun where the one before it has ended; it is closed with the first. */
  begunAt(start: SliceStart): Promise<OpenedChunk>
}

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
  consumed: Consumed,
): ledger.NewChunk {
  const records = chunk.records === null ? null : chunk.records - consumed.read
  return {
    ordinal: id.ordinal,
    part: id.part + 1,
    slice: chunk.slice,
    source,
    records,
    // 0 where nobody knew them before they were read; line ends put between slices count among what was consumed.
    bytes: Math.max(0, chunk.bytes - consumed.bytes),
  }
}

type StagedSource = Extract<ledger.ChunkSource, { from: 'stage' }>
type DirectSource = Exclude<ledger.ChunkSource, StagedSource>

async function columnsInOrder(
  target: CopyTarget | RowTarget,
  order: WayOfFields['order'],
  session: Sql | undefined,
): Promise<readonly Column[]> {
  const columns = target.kind === 'copy' ? await target.columns(session) : await target.columns()
  return order === null ? columns : order.flatMap((column) => columns[column] ?? [])
}

async function openStaged(
  context: RunContext,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  source: StagedSource,
  target: CopyTarget | RowTarget,
): Promise<OpenedChunk> {
  const { world, deadline } = context
  const { key, etag, start, end, firstRecord } = source
  const encoding = Encoding.parse(source.encoding)
  const from = source.cutFrom ?? {
    name: `slice ${chunk.slice}, chunk ${id.ordinal}`,
    start: 0,
    firstRecord: 1,
    newline: 0x0a,
    // Of rows of a database, those that are longer than is allowed were left out when they were staged.
    maxRecordBytes: Math.max(1, end - start),
  }
  const origin = { name: from.name, start: from.start + start, firstRecord: from.firstRecord + firstRecord - 1 }
  const fields = await fieldsOfStaged(context, source)
  return {
    encoding,
    sent: sentForm(encoding, fields.isChanged),
    columns: (session) => columnsInOrder(target, fields.order, session),
    rewriterOf: fields.rewriterOf,
    canRest: true,
    read: async (how) => ({
      encoding,
      newline: from.newline,
      maxRecordBytes: from.maxRecordBytes,
      origin,
      body: world.store.readRange(key, { start, end, etag, signal: deadline.signal, ...how }),
    }),
    rest: (consumed) => {
      const left = { ...source, start: start + consumed.bytes, firstRecord: firstRecord + consumed.read }
      return nextPart(id, chunk, left, consumed)
    },
    guesses: null,
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
  return {
    ...(await openOn(context, source, id, chunk, direct, target)),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}

/** A chunk of a source that is open, and stays so. */
export async function openOn(
  context: RunContext,
  source: Source,
  id: ledger.ChunkId,
  chunk: ledger.ChunkRow,
  direct: DirectSource,
  target: CopyTarget | RowTarget,
): Promise<OpenedChunk> {
  const encoding = source.offer(askedForm(target))
  const change = await changesOf(context, source)
  const start = direct.from === 'source' ? (source.guesses?.startOf(direct.slice) ?? null) : null
  const { slice, read, rest } = wayToRead(source, direct, { encoding, signal: context.deadline.signal })
  const fields = wayOfFields(source.projection?.(slice) ?? null, change)
  return {
    encoding,
    sent: sentForm(encoding, fields.isChanged),
    columns: (session) => columnsInOrder(target, fields.order, session),
    rewriterOf: fields.rewriterOf,
    canRest: source.rest !== null,
    read,
    rest: (consumed) => {
      const left = rest({ bytes: consumed.bytes, records: consumed.read })
      const { next } = consumed
      const known = next === null || left.from !== 'source' ? left : begunAt(source, left.slice, next)
      return nextPart(id, chunk, known, consumed)
    },
    guesses: start && {
      start,
      begunAt: (known) => openOn(context, source, id, chunk, begunAt(source, slice, known), target),
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

const begunAt = ({ guesses }: Source, slice: Slice, start: SliceStart): DirectSource => ({
  from: 'source',
  slice: guesses?.begunAt(slice, start) ?? slice,
})

interface WayToRead {
  /** The first, which stands for all in how fields are taken. */
  readonly slice: Slice
  read(how?: Pick<ReadHow, 'lent'>): Promise<Body>
  rest(consumed: { bytes: number; records: number }): DirectSource
}

function wayToRead(
  source: Source,
  direct: DirectSource,
  how: { readonly encoding: Encoding; readonly signal: AbortSignal },
): WayToRead {
  if (direct.from === 'slices') {
    const joined = joinSlices(source, direct.slices, how)
    return {
      slice: direct.slices[0]?.slice ?? {},
      read: joined.read,
      rest: (consumed) => ({ from: 'slices', slices: [...joined.rest(consumed)] }),
    }
  }
  const { slice } = direct
  return {
    slice,
    read: (lending) => source.read(slice, how.encoding, how.signal, lending),
    rest(consumed) {
      if (source.rest === null)
        throw new TransferError('internal/bug', 'this source cannot hand over the rest of a slice')
      return { from: 'source', slice: source.rest(slice, consumed) }
    },
  }
}

/**
 * A staged chunk knows neither the types of its source, which decide how values are compared, nor which fields are picked;
 * rows of a database have been picked already, and without steps there is nothing to ask.
 */
async function fieldsOfStaged(context: RunContext, { cutFrom }: StagedSource): Promise<WayOfFields> {
  if (cutFrom === undefined && (context.run.spec.transform ?? []).length === 0) return wayOfFields(null, null)
  await using source = await openSource(context)
  const projection = cutFrom === undefined ? null : (source.projection?.(cutFrom.slice) ?? null)
  return wayOfFields(projection, await changesOf(context, source))
}
