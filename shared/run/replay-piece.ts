import { type CopyEncoding, copyText, type Encoding } from '../codecs/encoding.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import type { Column } from '../schema/index.ts'
import { openChunk } from './chunk-source.ts'
import { openSource } from './ends.ts'
import { askedForm, sentForm } from './record-form.ts'
import type { RunContext } from './run-context.ts'
import { changesOf } from './transforming.ts'
import { wayOfFields } from './way-of-fields.ts'

/** How the records of a piece lie in their source, and which columns of the destination their fields are. */
export interface RecordShape {
  readonly encoding: Encoding
  /** When the destination gets them. */
  readonly sent: CopyEncoding
  readonly columns: readonly string[]
  readonly rewriter: RecordRewriter | null
}

const newline = 0x0a

/** As the piece has read them, so that a record can be tried again as it lies. */
export async function shapeOfPiece(
  context: RunContext,
  piece: ledger.DirtyPiece,
  target: CopyTarget,
): Promise<RecordShape> {
  if (piece.chunk === null) return await shapeOfSlice(context, target)
  const id = { runId: context.run.runId, ...piece.chunk }
  const chunk = await ledger.readChunk(context.sql, id)
  if (chunk === null) throw new TransferError('internal/bug', `${piece.piece} has dirty records and is no chunk`)
  await using opened = await openChunk(context, id, chunk, target)
  const { encoding, sent } = opened
  const columns = await opened.columns()
  return { encoding, sent, columns: namesOf(columns), rewriter: opened.rewriterOf({ encoding, newline }, columns) }
}

async function shapeOfSlice(context: RunContext, target: CopyTarget): Promise<RecordShape> {
  await using source = await openSource(context)
  const encoding = source.offer(askedForm(target))
  const columns = await target.columns()
  const { isChanged, rewriterOf } = wayOfFields(null, await changesOf(context, source))
  const rewriter = rewriterOf({ encoding, newline }, columns)
  return { encoding, sent: sentForm(encoding, isChanged), columns: namesOf(columns), rewriter }
}

/** Fields that a person has corrected: one for each column of the writer, in its order, and changed no more. */
export async function shapeOfFields(target: CopyTarget): Promise<RecordShape> {
  return { encoding: copyText, sent: copyText, columns: namesOf(await target.columns()), rewriter: null }
}

const namesOf = (columns: readonly Column[]) => columns.map(({ name }) => name)
