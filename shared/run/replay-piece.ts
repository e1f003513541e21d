import { type CopyEncoding, copyText, type Encoding } from '../codecs/encoding.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
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
  return { encoding, sent, columns: await opened.columns(), rewriter: opened.rewriterOf({ encoding, newline }) }
}

async function shapeOfSlice(context: RunContext, target: CopyTarget): Promise<RecordShape> {
  await using source = await openSource(context)
  const encoding = source.offer(askedForm(target))
  const columns = await columnsOf(target)
  const change = await changesOf(context, source)
  const { isChanged, rewriterOf } = await wayOfFields(null, change, target)
  return { encoding, sent: sentForm(encoding, isChanged), columns, rewriter: rewriterOf({ encoding, newline }) }
}

/** Fields that a person has corrected: one for each column of the writer, in its order, and changed no more. */
export async function shapeOfFields(target: CopyTarget): Promise<RecordShape> {
  return { encoding: copyText, sent: copyText, columns: await columnsOf(target), rewriter: null }
}

const columnsOf = async (target: CopyTarget) => (await target.columns()).map(({ name }) => name)
