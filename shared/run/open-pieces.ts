import * as ledger from '../ledger/index.ts'
import type { Sql } from '../ports/index.ts'
import type { RunContext } from './run-context.ts'

/*
 * A lane is every `concurrent`-th piece, and its pieces are done in their order (window.ts), but for chunks of slices that were
 * read into the table. So the last `concurrent` pieces
 * tell which lanes are left, and whether the pieces of a window are all done can only change from yes to no along the run:
 * a few look-ups by the primary key answer what would otherwise take all pieces of the run.
 */

type Run = Pick<RunContext['run'], 'runId' | 'spec'>

/** The slices or the chunks of a run. */
export interface Pieces<P> {
  /** Those that are known. */
  readonly count: number
  /** Which are not done, in their order. */
  listOpen(range: ledger.PieceRange, limit: number): Promise<P[]>
  numberOf(piece: P): number
}

export const openSlices = (sql: Sql, { runId }: Run, plan: ledger.PlanRow): Pieces<number> => ({
  count: plan.slices,
  listOpen: (range, limit) => ledger.listOpenSlices(sql, { runId, epoch: plan.epoch }, range, limit),
  numberOf: (slice) => slice,
})

export async function openChunks(sql: Sql, { runId }: Run): Promise<Pieces<{ ordinal: number; part: number }>> {
  return {
    count: await ledger.nextOrdinal(sql, runId),
    listOpen: (range, limit) => ledger.listOpenChunks(sql, runId, range, limit),
    numberOf: ({ ordinal }) => ordinal,
  }
}

/** Lanes whose last piece is not done. */
export async function lanesLeft<P>({ count, listOpen, numberOf }: Pieces<P>, { spec }: Run): Promise<number> {
  const { concurrent } = spec.settings
  const open = await listOpen({ from: Math.max(0, count - concurrent), to: count }, concurrent)
  return new Set(open.map(numberOf)).size
}

export type FindOpen = <P>(pieces: Pieces<P>, run: Run, limit: number) => Promise<P[]>

/** The first pieces that are not done, found by halving. */
export const listFirstOpen: FindOpen = async (pieces, { spec }, limit) => {
  const from = await firstOpenWindow(pieces, spec.settings.concurrent)
  return await pieces.listOpen({ from, to: pieces.count }, limit)
}

/** The same by looking at every piece, whatever the order in which they were done. */
export const listAllOpen: FindOpen = ({ count, listOpen }, _, limit) => listOpen({ from: 0, to: count }, limit)

/** Windows end where the pieces end: the first of all may be short, and each of the others has a piece of every lane. */
async function firstOpenWindow<P>({ count, listOpen }: Pieces<P>, concurrent: number): Promise<number> {
  const startOf = (back: number) => Math.max(0, count - back * concurrent)
  const isOpen = async (back: number) => {
    const range = { from: startOf(back), to: startOf(back - 1) }
    return (await listOpen(range, 1)).length > 0
  }
  // Counted from the end: window `open` has an open piece, or is none; window `done` has not, or is none.
  let [open, done] = [0, Math.ceil(count / concurrent) + 1]
  while (done - open > 1) {
    const middle = (open + done) >> 1
    if (await isOpen(middle)) open = middle
    else done = middle
  }
  return startOf(open)
}
