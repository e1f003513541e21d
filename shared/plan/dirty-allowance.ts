/** `errorLimit` of a job. null: no limit of that kind. */
export interface DirtyLimit {
  readonly record: number | null
  /** A share, from 0 to 1. */
  readonly percentage: number | null
}

/** What is known of a run's records while it goes on. */
export interface RecordsKnown {
  /** Records that are read and decided on. */
  readonly read: number
  /** Of all pieces together; null while some are not known or not counted. */
  readonly planned: number | null
  /** Bytes that are planned and not read; null while not all pieces are known. */
  readonly bytesLeft: number | null
  /** No record is shorter: a delimiter between any two fields, and a line end. */
  readonly leastRecordBytes: number
}

export interface Allowance {
  /** One more ends the run, whatever is still to come; null: nothing that came so far can. */
  readonly records: number | null
  /** `errorLimit` as its author wrote it. */
  readonly says: string
}

/**
 * How many dirty records a run may have, decided while it goes on. A share is of all records, so as long as these are not
 * known it is taken of the most there can be: a run ends early only where it could not have ended well.
 */
export function dirtyAllowance({ record, percentage }: DirtyLimit, known: RecordsKnown | null): Allowance {
  // DataX looks at the percentage only where no count is set (dataworks-datax.md §2.4).
  if (record !== null) return { records: record, says: String(record) }
  if (percentage === null) return { records: null, says: 'any number' }
  const most = known === null ? null : mostRecords(known)
  const says = percentText(percentage)
  return most === null
    ? { records: null, says }
    : { records: Math.floor(percentage * most), says: `${says} of ${most}` }
}

/** A share as people write it: 0.0199 times 100 is 1.9900000000000002 to a computer. */
export const percentText = (share: number): string => `${Number((share * 100).toPrecision(12))} %`

function mostRecords({ read, planned, bytesLeft, leastRecordBytes }: RecordsKnown): number | null {
  if (planned !== null) return planned
  return bytesLeft === null ? null : read + Math.ceil(bytesLeft / leastRecordBytes)
}
