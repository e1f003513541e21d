import type { Decision, Joint, PlannedSlice } from '../connectors/contract.ts'

/** A slice within a chunk of several. */
export interface GatheredSlice {
  readonly slice: PlannedSlice['slice']
  readonly bytes: number
  readonly records: number
  /** What follows it where it does not end a record (`Joint`), in hexadecimal. */
  readonly ending: string
}

export type PlannedPiece = { readonly alone: PlannedSlice } | { readonly gathered: readonly GatheredSlice[] }

export interface GatherRequest {
  /** The size a chunk should have. */
  readonly targetBytes: number
  readonly concurrent: number
  /** null: slices of the source stand alone. */
  readonly join: null | ((slice: PlannedSlice['slice']) => Joint | null)
}

/**
 * A load costs some 60 ms beside its COPY, which is what 4 MB take on one session: smaller chunks for the sake of more
 * loaders side by side would be slower.
 */
export const worthwhileBytes = 4 * 1024 * 1024
/** Their list is one row of the ledger, about 250 bytes each. */
const maxSlices = 1000

/**
 * Puts small slices together, so that many small files cost few COPYs. A slice that is large by itself, that nobody has
 * counted, or that cannot follow another stands alone. Chunks are in the order of their first slices.
 */
export function gatherSlices(slices: readonly PlannedSlice[], request: GatherRequest): PlannedPiece[] {
  const { join } = request
  if (join === null) return slices.map((alone) => ({ alone }))
  const goalBytes = goalOf(slices, request)
  const groups: Group[] = []
  const open = new Map<string, Group>()
  for (const planned of slices) {
    const joint = planned.records === null || (planned.bytes ?? goalBytes) >= goalBytes ? null : join(planned.slice)
    const bytes = planned.bytes ?? 0
    let group = joint === null ? undefined : open.get(joint.key)
    if (group === undefined || group.bytes + bytes > goalBytes || group.members.length === maxSlices) {
      group = { members: [], bytes: 0 }
      groups.push(group)
      if (joint !== null) open.set(joint.key, group)
    }
    group.members.push({ planned, joint })
    group.bytes += bytes
  }
  return groups.flatMap(({ members }) =>
    members.length === 1 ? members.map(alone) : [{ gathered: members.map(part) }],
  )
}

interface Member {
  readonly planned: PlannedSlice
  readonly joint: Joint | null
}

interface Group {
  readonly members: Member[]
  bytes: number
}

const alone = ({ planned }: Member): PlannedPiece => ({ alone: planned })

const part = ({ planned: { slice, bytes, records }, joint }: Member): GatheredSlice => ({
  slice,
  bytes: bytes ?? 0,
  records: records ?? 0,
  ending: Buffer.from(joint?.ending ?? []).toString('hex'),
})

/** As many chunks as may be loaded side by side, where they are worth it. */
function goalOf(slices: readonly PlannedSlice[], { targetBytes, concurrent }: GatherRequest): number {
  const total = slices.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
  return Math.min(targetBytes, Math.max(worthwhileBytes, Math.ceil(total / concurrent)))
}

export function gatherDecision(pieces: readonly PlannedPiece[]): Decision[] {
  const chunks = pieces.flatMap((piece) => ('gathered' in piece ? [piece.gathered.length] : []))
  if (chunks.length === 0) return []
  const slices = chunks.reduce((sum, length) => sum + length, 0)
  return [
    {
      what: `${slices} small slices go in ${chunks.length} ${chunks.length === 1 ? 'chunk' : 'chunks'}`,
      why: 'a COPY for each would cost more than its rows',
    },
  ]
}
