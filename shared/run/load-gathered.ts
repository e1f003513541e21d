import type { CopyTarget } from '../connectors/contract.ts'
import { isOfObject } from '../connectors/objects/cut-each.ts'
import { asTransferError, TransferError } from '../errors/index.ts'
import type { ErrorLimit } from '../job/document.ts'
import * as ledger from '../ledger/index.ts'
import type { DirtyRecord } from '../load/dirty-record.ts'
import type { GatheredSlice } from '../plan/gather-slices.ts'
import type { Sql } from '../ports/index.ts'
import { dirtyPrefixOfChunk } from '../staging/keys.ts'
import { type OpenedChunk, openChunk } from './chunk-source.ts'
import { type DirtyGuard, limitExceeded, ofRecord } from './dirty-limit.ts'
import { removeDirty } from './dirty-log.ts'
import { openSource } from './ends.ts'
import { type Keeping, type MovedCounts, moveInBlocks } from './move-blocks.ts'
import { isDirtyChunk, type Move, moveWhole } from './move-records.ts'
import type { RunContext } from './run-context.ts'
import { openStopLook } from './stop-look.ts'

/*
 * A chunk of objects that arrived by themselves and only share a run. Each is held to `errorLimit` as if it had come alone, and
 * one that would have failed does not fail those beside it: it is set aside in the transaction that loads them, and gets a run
 * of its own (gather-arrivals.ts), which fails with its reason. No object is handed over in its middle, so it is loaded whole or
 * not at all.
 */

/** Runs `copy` in the transaction of the chunk. */
export type ClaimChunk = (
  changed: { readonly opened: OpenedChunk },
  copy: () => Promise<MovedCounts>,
) => Promise<ledger.ChunkCounts>

type GatheredMove = Move & { readonly sql: Sql }

/** All objects in one COPY; only where that fails for the sake of one of them, one after the other. */
export async function loadGathered(
  move: GatheredMove,
  target: CopyTarget,
  claim: ClaimChunk,
): Promise<ledger.ChunkCounts> {
  const { context, id } = move
  const slices = slicesOf(move.chunk)
  const opened = { ...move.opened, canRest: false }
  const together = { ...move, opened }
  const keeping = {
    prefix: dirtyPrefixOfChunk(id),
    openGuard: () => openGuardOfEach(context, id, slices),
  }
  try {
    return await claim({ opened }, () =>
      target.conflict === null ? moveInBlocks(together, { keeping }) : moveWhole(together),
    )
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (!isOfOne(error)) throw error
    context.log.info('an object cannot be loaded with the others; they are loaded one by one', {
      error: error.report(),
    })
  }
  await removeDirty(context.world.store, keeping.prefix)
  const each = openEach(move, target, slices)
  return await claim({ opened: each.opened }, each.move)
}

const isOfOne = (error: TransferError) => isDirtyChunk(error) || isOfObject(error)

function slicesOf({ source, records, bytes }: ledger.ChunkRow): readonly GatheredSlice[] {
  if (source.from === 'slices') return source.slices
  if (source.from === 'source') return [{ slice: source.slice, records: records ?? 0, bytes, ending: '' }]
  throw new TransferError('internal/bug', 'objects that share a run are not staged')
}

const pieceOf = ({ ordinal, part }: ledger.ChunkId) => `c${ordinal}-p${part}`

/** Holds each object to the limit. Its records are known, so a share is a number. */
export function openGuardOfEach(
  context: RunContext,
  id: ledger.ChunkId,
  slices: readonly Pick<GatheredSlice, 'records'>[],
): DirtyGuard {
  const stops = openStopLook(context)
  const met = new Map<string, number>()
  return {
    piece: pieceOf(id),
    async met(_, record) {
      const count = (met.get(record.piece) ?? 0) + 1
      met.set(record.piece, count)
      const part = /-f(\d+)$/.exec(record.piece)?.[1] ?? '0'
      refuseOver(context.run.spec.settings.errorLimit, slices[Number(part)]?.records ?? 0, count, record)
      if (stops.isDue()) await stops.look()
    },
    [Symbol.asyncDispose]: () => stops[Symbol.asyncDispose](),
  }
}

/** @throws record/limit-exceeded, or the record's own reason where none is allowed */
function refuseOver({ record: allowed, percentage }: ErrorLimit, records: number, count: number, last: DirtyRecord) {
  if (allowed === 0) throw ofRecord(last)
  const most = allowed ?? (percentage === null ? null : Math.floor(percentage * records))
  if (most !== null && count > most) throw limitExceeded(count, `${most} of ${records}`, { source: last.source })
}

/** Object after object, each in a savepoint. */
function openEach(move: GatheredMove, target: CopyTarget, slices: readonly GatheredSlice[]) {
  const { context, id, chunk, sql } = move
  let taken = 0
  const opened: OpenedChunk = { ...move.opened, canRest: false, rest: () => restOf(id, chunk, slices.slice(taken)) }

  async function moveOne(gathered: GatheredSlice, part: number, put: Move['openPut']): Promise<MovedCounts> {
    const { slice, records, bytes } = gathered
    const alone: ledger.ChunkRow = { ...chunk, source: { from: 'source', slice }, records, bytes }
    await using one = await openChunk(context, id, alone, target)
    const named = async () => {
      const body = await one.read()
      return { ...body, origin: { ...body.origin, part } }
    }
    const moving = { ...move, chunk: alone, opened: { ...one, read: named, canRest: false }, openPut: put }
    return await moveInBlocks(moving, { keeping: keepingOf(move, slices, part) })
  }

  return {
    opened,
    async move(): Promise<MovedCounts> {
      taken = 0
      const put = await move.openPut()
      const setAside: { slice: GatheredSlice; error: TransferError }[] = []
      let sum = nothing
      for (const [part, gathered] of slices.entries()) {
        if (part > 0 && context.world.clock.now() >= context.deadline.softAt) break
        try {
          sum = sumOf(sum, await sql.savepoint(() => moveOne(gathered, part, async () => put)))
        } catch (thrown) {
          const error = asTransferError(thrown)
          if (!isOfOne(error)) throw error
          setAside.push({ slice: gathered, error })
          await removeDirty(context.world.store, keepingOf(move, slices, part).prefix)
        }
        taken = part + 1
      }
      await insertSetAside(move, setAside)
      const dirtyObject = sum.dirty > 0 ? dirtyPrefixOfChunk(id) : null
      return { ...sum, dirtyObject, handedOver: taken < slices.length }
    },
  }
}

const keepingOf = ({ context, id }: GatheredMove, slices: readonly GatheredSlice[], part: number): Keeping => ({
  prefix: `${dirtyPrefixOfChunk(id)}f${String(part).padStart(6, '0')}-`,
  openGuard: () => openGuardOfEach(context, id, slices),
})

const nothing: MovedCounts = {
  read: 0,
  loaded: 0,
  dirty: 0,
  filtered: 0,
  bytes: 0,
  dirtyObject: null,
  handedOver: false,
  next: null,
  dirtyParts: new Map(),
}

const sumOf = (a: MovedCounts, b: MovedCounts): MovedCounts => ({
  ...a,
  read: a.read + b.read,
  loaded: a.loaded + b.loaded,
  dirty: a.dirty + b.dirty,
  filtered: a.filtered + b.filtered,
  bytes: a.bytes + b.bytes,
  dirtyParts: new Map([...(a.dirtyParts ?? []), ...(b.dirtyParts ?? [])]),
})

function restOf(id: ledger.ChunkId, { slice }: ledger.ChunkRow, slices: readonly GatheredSlice[]): ledger.NewChunk {
  return {
    ordinal: id.ordinal,
    part: id.part + 1,
    slice,
    source: { from: 'slices', slices },
    records: slices.reduce((sum, { records }) => sum + records, 0),
    bytes: slices.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

async function insertSetAside(
  { context, sql, id, opened }: GatheredMove,
  those: readonly { readonly slice: GatheredSlice; readonly error: TransferError }[],
): Promise<void> {
  if (those.length === 0) return
  const arrivals = await ledger.listArrivalsOfRun(sql, id.runId)
  const known = new Map(arrivals.map(({ bucket, key, etag, arrivalId }) => [`${bucket}/${key}@${etag}`, arrivalId]))
  await using source = await openSource(context)
  const rows: ledger.SetAside[] = []
  for (const { slice, error } of those) {
    const text = await source.describe(slice.slice, opened.encoding)
    const name = 'object' in text ? `${text.object.replace(/^\w+:\/\//, '')}@${text.etag}` : ''
    const arrivalId = known.get(name)
    if (arrivalId === undefined)
      throw new TransferError('internal/bug', 'an object of the run has not arrived', { name })
    context.log.warn('an object was set aside, and gets a run of its own', { error: error.report() })
    rows.push({ arrivalId, records: slice.records, error: error.report() })
  }
  await ledger.insertSetAside(sql, id.runId, rows, context.world.clock.now())
}
