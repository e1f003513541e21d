import { type Cut, type Cutter, createCutter } from '../../codecs/cut.ts'
import type { Encoding } from '../../codecs/encoding.ts'
import { createArrayCutter } from '../../codecs/json-lines/cut-array.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import { looksOf } from './first-look.ts'
import type { ObjectRange } from './object-slice.ts'
import { type EarlyRead, readAhead } from './read-ahead.ts'

export interface CutRequest {
  readonly encoding: Encoding
  readonly headerRecords: number
  readonly targetBytes: number
  readonly signal: AbortSignal
}

/*
 * One stream of OSS gives about 100 MB/s; several ranges at once fill the network of a function, and small objects hide
 * each other's latency. Memory is `maxBytes`.
 */
const rangeBytes = 8 * 1024 * 1024
const ahead = { maxReads: 16, maxBytes: 4 * rangeBytes }

export interface CutObject {
  readonly key: string
  /** Empty when the object has no record behind its header. */
  readonly ranges: readonly ObjectRange[]
  /** Fields of the header, or keys of the first records; null when it has no header, or one too long to look at. */
  readonly names: readonly string[] | null
}

interface Range {
  readonly head: ObjectHead
  readonly start: number
  /** Used again once the range was looked at. */
  readonly bytes: Buffer
}

/**
 * Reads every object once and cuts it at record boundaries, but for large ones (cut-guessed.ts). Small ones too: so the
 * number of records of the run is known before any is loaded, and an unclosed quote fails the plan instead of turning the
 * rest of a file into one bad record.
 * @throws source/unclosed-quote, source/malformed, source/object-missing, source/object-changed
 */
export async function* cutObjects(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
): AsyncGenerator<CutObject> {
  let current: { readonly head: ObjectHead; readonly cutting: Cutting } | null = null
  const buffers = rangeBuffers()
  for await (const range of readAhead(rangesOf(store, objects, buffers), { ...ahead, signal: request.signal })) {
    current ??= { head: range.head, cutting: startCutting(range, request) }
    const { head, cutting } = current
    naming(head.key, () => cutting.add(range))
    buffers.give(range.bytes)
    if (range.start + rangeBytes < head.size) continue
    yield { key: head.key, names: cutting.names, ranges: naming(head.key, () => cutting.end()) }
    current = null
  }
}

/** Kept apart from the garbage: ranges made of the pieces of the socket kept a fifth of a plan's CPU busy collecting it. */
function rangeBuffers() {
  const free: Buffer[] = []
  return {
    take: (bytes: number): Buffer =>
      bytes === rangeBytes ? (free.pop() ?? Buffer.allocUnsafeSlow(bytes)) : Buffer.allocUnsafe(bytes),
    give: (buffer: Buffer): void => void (buffer.length === rangeBytes && free.push(buffer)),
  }
}

function* rangesOf(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  buffers: ReturnType<typeof rangeBuffers>,
): Generator<EarlyRead<Range>> {
  for (const head of objects) {
    for (let start = 0; start < head.size; start += rangeBytes) {
      const end = Math.min(head.size, start + rangeBytes)
      yield {
        bytes: end - start,
        start: (signal) => readRange(store, head, { start, end, signal }, buffers.take(end - start)),
      }
    }
  }
}

async function readRange(
  store: ObjectStore,
  head: ObjectHead,
  range: { readonly start: number; readonly end: number; readonly signal: AbortSignal },
  bytes: Buffer,
): Promise<Range> {
  let at = 0
  for await (const piece of store.readRange(head.key, { ...range, etag: head.etag, lent: true })) {
    bytes.set(piece, at)
    at += piece.length
  }
  return { head, start: range.start, bytes }
}

interface Cutting {
  readonly names: readonly string[] | null
  add(range: Range): void
  end(): readonly ObjectRange[]
}

/** The first range tells how records end and how many fields they have. */
function startCutting(first: Range, request: CutRequest): Cutting {
  const { head } = first
  const { headerRecords, targetBytes } = request
  const whole = first.bytes
  const { skipped, newline, crlf, fields, names, isArray } = looksOf(whole, head, request)
  const start = whole.subarray(skipped)
  const cutter: Cutter = isArray
    ? createArrayCutter({ start: skipped, targetBytes })
    : createCutter({ ...request, newline })
  return {
    names,
    add(range) {
      cutter.add(range.start === 0 ? start : range.bytes)
    },
    end() {
      const { cuts } = cutter.end()
      const { key, etag, size } = head
      return cuts.slice(1).map((next, index) => {
        const cut: Cut = cuts[index] ?? next
        return {
          key,
          etag,
          size,
          start: cut.offset + skipped,
          end: next.offset + skipped,
          firstRecord: cut.records - headerRecords + 1,
          records: next.records - cut.records,
          newline,
          crlf,
          fields,
        }
      })
    },
  }
}

function naming<T>(key: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof TransferError)) throw error
    throw new TransferError(error.code, `${key}: ${error.message}`, { key, ...error.context }, { cause: error.cause })
  }
}
