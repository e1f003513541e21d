import { type CsvProjector, createCsvProjector } from '../codecs/csv-project.ts'
import { copyText, type Encoding } from '../codecs/encoding.ts'
import type { CopyTarget } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import * as ledger from '../ledger/index.ts'
import { openChunk } from './chunk-source.ts'
import { openSource } from './ends.ts'
import type { RunContext } from './run-context.ts'

/** How the records of a piece lie in their source, and which columns of the destination their fields are. */
export interface RecordShape {
  readonly encoding: Encoding
  readonly columns: readonly string[]
  readonly projector: CsvProjector | null
}

const lineFeed = 0x0a

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
  const { encoding, projection } = opened
  const projector =
    projection === null || encoding.format !== 'csv' ? null : createCsvProjector(encoding, lineFeed, projection)
  return { encoding, columns: await opened.columns(), projector }
}

async function shapeOfSlice(context: RunContext, target: CopyTarget): Promise<RecordShape> {
  await using source = await openSource(context)
  return { encoding: source.offer(target.preferred), ...(await columnsOf(target)), projector: null }
}

/** Fields that a person has corrected: one for each column of the writer, in its order. */
export async function shapeOfFields(target: CopyTarget): Promise<RecordShape> {
  return { encoding: copyText, ...(await columnsOf(target)), projector: null }
}

const columnsOf = async (target: CopyTarget) => ({ columns: (await target.columns()).map(({ name }) => name) })
