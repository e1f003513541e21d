import type { CopyEncoding } from './encoding.ts'

/** Makes other records of the records of a chunk, each alone, on their way into a destination. */
export interface RecordRewriter {
  /** Of what it gives; records end as they did, or with a line feed. */
  readonly encoding: CopyEncoding
  /**
   * A piece is valid until the next is asked for, and one of the body is done with by then.
   * @throws as `record` does, for the first record that cannot be rewritten
   */
  stream(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>
  /**
   * @returns null for a record that is left out
   * @throws TransferError of a code `record/…`, without a value of the record
   */
  record(bytes: Buffer): Buffer | null
  /** How many records were left out so far. */
  leftOut(): number
}
