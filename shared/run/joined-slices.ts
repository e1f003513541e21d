import type { Encoding } from '../codecs/encoding.ts'
import type { Body, Origin, Source } from '../connectors/contract.ts'
import { readAhead } from '../connectors/objects/read-ahead.ts'
import { TransferError } from '../errors/index.ts'
import type { GatheredSlice } from '../plan/gather-slices.ts'

/** Several slices as one body. */
export interface JoinedSlices {
  read(): Promise<Body>
  /** What is left behind whole records that the last body gave. */
  rest(consumed: Consumed): readonly GatheredSlice[]
}

interface Consumed {
  readonly bytes: number
  readonly records: number
}

/** Small reads hide each other's latency; memory is `maxBytes`. */
const ahead = { maxReads: 16, maxBytes: 8 * 1024 * 1024 }
/** COPY is fed as fast as by psql from pieces of this size on (perf.md §2). */
const pieceBytes = 256 * 1024

/** Where a slice begins in the body. */
interface Part {
  readonly origin: Origin
  readonly before: Consumed
}

/** @param source one whose slices may be joined */
export function joinSlices(
  source: Pick<Source, 'read' | 'rest'>,
  slices: readonly GatheredSlice[],
  { encoding, signal }: { readonly encoding: Encoding; readonly signal: AbortSignal },
): JoinedSlices {
  let parts: Part[] = []

  async function* bytesOf(first: Body): AsyncIterable<Uint8Array> {
    parts = []
    const before = { bytes: 0, records: 0 }
    const reads = slices.map(({ slice, bytes }, index) => ({
      bytes,
      start: async (stop: AbortSignal) => wholeOf(index === 0 ? first : await source.read(slice, encoding, stop)),
    }))
    let held: Buffer[] = []
    let heldBytes = 0
    for await (const { origin, body } of readAhead(reads, { ...ahead, signal })) {
      const { records, ending } = slices[parts.length] ?? lost()
      parts.push({ origin, before: { ...before } })
      const whole = withEnding(body, Buffer.from(ending, 'hex'))
      held.push(whole)
      heldBytes += whole.length
      before.bytes += whole.length
      before.records += records
      if (heldBytes < pieceBytes) continue
      yield Buffer.concat(held)
      held = []
      heldBytes = 0
    }
    if (heldBytes > 0) yield Buffer.concat(held)
  }

  /** The last that begins at or before it. */
  function indexAt(offset: number): number {
    let [low, high] = [0, parts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((parts[middle] ?? lost()).before.bytes <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  function originAt(offset: number): Origin {
    const part = indexAt(offset)
    const { origin, before } = parts[part] ?? lost()
    const { name, start, firstRecord } = origin
    return {
      name,
      start: start === null ? null : start - before.bytes,
      firstRecord: firstRecord - before.records,
      part,
    }
  }

  return {
    async read() {
      const { slice } = slices[0] ?? lost()
      const first = await source.read(slice, encoding, signal)
      return { ...first, originAt, body: bytesOf(first) }
    },
    rest(consumed) {
      const index = indexAt(consumed.bytes)
      const { before } = parts[index] ?? lost()
      const taken = { bytes: consumed.bytes - before.bytes, records: consumed.records - before.records }
      const current = slices[index] ?? lost()
      // Behind all that was read, or behind a line end that was added: the next slice begins it.
      const isWhole = taken.records >= current.records
      return [...(isWhole ? [] : [restOf(source, current, taken)]), ...slices.slice(index + 1)]
    },
  }
}

function restOf(source: Pick<Source, 'rest'>, gathered: GatheredSlice, taken: Consumed): GatheredSlice {
  if (source.rest === null) throw new TransferError('internal/bug', 'slices that are joined can be resumed')
  if (taken.records === 0) return gathered
  const { slice, bytes, records, ending } = gathered
  return {
    slice: source.rest(slice, taken),
    bytes: bytes - taken.bytes,
    records: records - taken.records,
    ending,
  }
}

async function wholeOf({ origin, body }: Body): Promise<{ origin: Origin; body: Buffer }> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return { origin, body: Buffer.concat(pieces) }
}

/** Nothing is put behind nothing: an empty slice has no record. */
function withEnding(body: Buffer, ending: Buffer): Buffer {
  const isEnded = body.length === 0 || body.at(-1) === ending.at(-1)
  return isEnded ? body : Buffer.concat([body, ending])
}

function lost(): never {
  throw new TransferError('internal/bug', 'a record lies in no slice of its chunk')
}
