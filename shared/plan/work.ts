import type { Projection } from '../codecs/csv-project.ts'
import type { KeyProjection } from '../codecs/json-lines/write-record.ts'
import type { Decision, PlannedSlice, Slice, Split, Target } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import type { Column } from '../schema/index.ts'
import {
  type GatheredSlice,
  type GatherRequest,
  gatherDecision,
  gatherSlices,
  type PlannedPiece,
} from './gather-slices.ts'

/** What the planner looks at: all of it facts, so that a dry run and a real one decide alike. */
export interface WorkFacts {
  readonly split: Split
  readonly columns: { readonly source: readonly Column[] | null; readonly target: readonly Column[] | null }
  /** Reading a slice twice gives the same bytes. */
  readonly repeatable: boolean
  readonly target: Target['kind']
  /** Fields that are left out, used twice or made up, of the first slice where any are; null: they go as they lie. */
  readonly picked: Projection | KeyProjection | null
  /** What is done to the fields of each record, by its short names; empty: nothing. */
  readonly steps: readonly string[]
  /** What a destination says of its writing, such as what becomes of records whose key is there; and why. */
  readonly writing: readonly Decision[]
  readonly snapshot: string | null
  readonly gather: GatherRequest
  /** See `isPiped`. */
  readonly isNear: boolean
}

export interface PipeFacts {
  readonly slices: number
  /** How many may be read at a time: with fewer slices, loaders would have nothing to do. */
  readonly concurrent: number
  /** What is done to each record. */
  readonly steps: number
  /** Rows commit with the ledger, and neither bytes nor sessions are counted, which loaders know how to wait for. */
  readonly isNear: boolean
}

/**
 * Whether a slice that may be of other rows the next time goes into the table where it is read, all of it or nothing. One
 * that stands alone may be of any size.
 */
export const isPiped = ({ slices, concurrent, steps, isNear }: PipeFacts): boolean =>
  isNear && steps === 0 && slices >= Math.max(2, concurrent)

export interface PlannedChunk {
  readonly ordinal: number
  readonly part: 0
  readonly slice: number
  readonly source:
    | { readonly from: 'source'; readonly slice: Slice }
    | { readonly from: 'slices'; readonly slices: readonly GatheredSlice[] }
  readonly records: number | null
  readonly bytes: number
}

export interface WorkPlan {
  readonly slices: readonly Slice[]
  /** Those of them that `stage` reads. The others are in chunks of one or several, which `load` reads from the source. */
  readonly toStage: readonly Slice[]
  readonly chunks: readonly PlannedChunk[]
  readonly decisions: readonly Decision[]
  readonly snapshot: string | null
  /** Objects that the others go on without. */
  readonly refused: NonNullable<Split['refused']>
}

/** A decision lists no more keys. */
const maxListed = 30

/** @throws target/column-count */
export function planWork(facts: WorkFacts): WorkPlan {
  checkColumnCount(facts.columns)
  const isDirect = ({ indivisible }: PlannedSlice) =>
    facts.repeatable && facts.target === 'copy' && indivisible === undefined
  const held = (slice: Slice): Slice => (facts.snapshot === null ? slice : { ...slice, snapshot: facts.snapshot })
  const toStage = facts.split.slices.filter((planned) => !isDirect(planned)).map((planned) => held(planned.slice))
  const pieces = gatherSlices(facts.split.slices.filter(isDirect), facts.gather)
  return {
    slices: facts.split.slices.map((planned) => held(planned.slice)),
    toStage,
    chunks: chunksOf(pieces, toStage.length),
    decisions: [
      ...facts.split.decisions,
      ...gatherDecision(pieces),
      ...pathDecisions(facts),
      ...(facts.steps.length > 0 ? [transformDecision(facts)] : pickDecision(facts)),
      ...facts.writing,
      ...snapshotDecision(facts),
    ],
    snapshot: facts.snapshot,
    refused: facts.split.refused ?? [],
  }
}

function checkColumnCount({ source, target }: WorkFacts['columns']): void {
  if (source === null || target === null || source.length === target.length) return
  const counts = { reader: source.length, writer: target.length }
  throw new TransferError(
    'target/column-count',
    `the reader gives ${counts.reader} columns, the writer takes ${counts.writer}`,
    counts,
  )
}

/** Each under the number of its first slice: behind those that are staged. */
function chunksOf(pieces: readonly PlannedPiece[], staged: number): PlannedChunk[] {
  let next = staged
  return pieces.map((piece, ordinal) => {
    const slice = next
    next += 'alone' in piece ? 1 : piece.gathered.length
    return { ordinal, part: 0, slice, ...('alone' in piece ? chunkOf(piece.alone) : chunkOfSeveral(piece.gathered)) }
  })
}

type Content = Pick<PlannedChunk, 'source' | 'records' | 'bytes'>

const chunkOf = ({ slice, bytes, records }: PlannedSlice): Content => ({
  source: { from: 'source', slice },
  records,
  bytes: bytes ?? 0,
})

const chunkOfSeveral = (slices: readonly GatheredSlice[]): Content => ({
  source: { from: 'slices', slices },
  records: slices.reduce((sum, { records }) => sum + records, 0),
  bytes: slices.reduce((sum, { bytes }) => sum + bytes, 0),
})

function pathDecisions(facts: WorkFacts): Decision[] {
  if (facts.target === 'object')
    return [{ what: 'staging is the delivery', why: 'the destination takes each slice as one object' }]
  if (facts.target === 'rows')
    return [{ what: 'slices are staged', why: 'the destination takes rows, which are read from chunks in COPY text' }]
  if (!facts.repeatable) return [unrepeatableDecision(facts)]
  const { slices } = facts.split
  const isRewritten = facts.picked !== null && 'keys' in facts.picked
  const way = isRewritten ? 'records are rewritten on the way' : 'COPY takes its encoding'
  const read = { what: 'loaders read the source', why: `${way}, and a second read gives the same bytes` }
  const reasons = slices.map(({ indivisible }) => indivisible).filter((reason) => reason !== undefined)
  const cut = [...new Set(reasons)].map((why) => ({
    what: `${reasons.filter((reason) => reason === why).length} of ${slices.length} slices are cut into chunks while they are read`,
    why,
  }))
  return reasons.length < slices.length || slices.length === 0 ? [read, ...cut] : cut
}

function unrepeatableDecision({ split, steps, gather: { concurrent }, isNear }: WorkFacts): Decision {
  const slices = split.slices.length
  const why = 'a second read of the source may give other rows or another order'
  if (isPiped({ slices, concurrent, steps: steps.length, isNear }))
    return {
      what: 'each slice is read into the table in one transaction',
      why: `${why}; one that cannot be cut smaller, or has a record that is refused, is staged`,
    }
  const isShared = isNear && steps.length === 0
  const few = isShared ? `, and the chunks of ${slices} are shared by ${concurrent} loaders` : ''
  return { what: 'slices are staged', why: `${why}${few}` }
}

function pickDecision({ picked }: WorkFacts): Decision[] {
  if (picked === null) return []
  if ('keys' in picked) return [keysDecision(picked)]
  const { width, fields } = picked
  const constants = fields.filter((field) => 'value' in field).length
  const taken = `${fields.length - constants} fields of ${width ?? 'an unknown number'} and ${constants} constants`
  return [{ what: 'loaders pick the fields', why: `the columns are ${taken}; COPY's column list only says an order` }]
}

function keysDecision({ keys }: KeyProjection): Decision {
  const names = keys.flatMap((field) => ('key' in field ? [field.key] : []))
  const constants = names.length === keys.length ? '' : ` and ${keys.length - names.length} constants`
  const more = names.length > maxListed ? ', …' : ''
  const why = `the columns are the keys ${names.slice(0, maxListed).join(', ')}${more}${constants}; a key that a record lacks is NULL`
  return { what: 'loaders make COPY text of JSON', why }
}

function transformDecision({ steps, target }: WorkFacts): Decision {
  const where = target === 'object' ? 'while they are staged' : 'by the loaders'
  const why = `the job asks for ${steps.join(', ')}; fields are decoded ${where} and written anew, in UTF-8`
  return { what: 'records are transformed', why }
}

function snapshotDecision(facts: WorkFacts): Decision[] {
  if (facts.target !== 'object') return []
  return facts.snapshot === null
    ? [{ what: 'slices are read at different times', why: 'the server does not export snapshots' }]
    : [{ what: 'all slices are read from one snapshot', why: 'the server exports snapshots' }]
}
