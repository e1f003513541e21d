import { newlineOf } from '../../codecs/csv-scan.ts'
import { type Cut, type Cutter, createCutter } from '../../codecs/cut.ts'
import type { CsvEncoding } from '../../codecs/encoding.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import { countFields } from './count-fields.ts'
import type { ObjectRange } from './object-slice.ts'
import { type EarlyRead, readAhead } from './read-ahead.ts'
import { readHeader } from './read-header.ts'

export interface CutRequest {
  readonly encoding: CsvEncoding
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
  /** Fields of the header; null when it has none, or one too long to look at. */
  readonly names: readonly string[] | null
}

interface Range {
  readonly head: ObjectHead
  readonly start: number
  readonly pieces: readonly Buffer[]
}

/**
 * Reads every object once and cuts it at record boundaries. Small ones too: so the number of records of the run is known
 * before any is loaded, and an unclosed quote fails the plan instead of turning the rest of a file into one bad record.
 * @throws source/unclosed-quote, source/object-missing, source/object-changed
 */
export async function* cutObjects(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  request: CutRequest,
): AsyncGenerator<CutObject> {
  let current: { readonly head: ObjectHead; readonly cutting: Cutting } | null = null
  for await (const range of readAhead(rangesOf(store, objects), { ...ahead, signal: request.signal })) {
    current ??= { head: range.head, cutting: startCutting(range, request) }
    const { head, cutting } = current
    naming(head.key, () => cutting.add(range))
    if (range.start + rangeBytes < head.size) continue
    yield { key: head.key, names: cutting.names, ranges: naming(head.key, () => cutting.end()) }
    current = null
  }
}

function* rangesOf(store: ObjectStore, objects: readonly ObjectHead[]): Generator<EarlyRead<Range>> {
  for (const head of objects) {
    for (let start = 0; start < head.size; start += rangeBytes) {
      const end = Math.min(head.size, start + rangeBytes)
      yield { bytes: end - start, start: (signal) => readRange(store, head, start, end, signal) }
    }
  }
}

async function readRange(
  store: ObjectStore,
  head: ObjectHead,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Range> {
  const pieces: Buffer[] = []
  for await (const piece of store.readRange(head.key, { start, end, etag: head.etag, signal })) {
    pieces.push(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
  }
  return { head, start, pieces }
}

interface Cutting {
  readonly names: readonly string[] | null
  add(range: Range): void
  end(): readonly ObjectRange[]
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const lineFeed = 0x0a
const carriageReturn = 0x0d

/** The first range tells how records end and how many fields they have. */
function startCutting(first: Range, request: CutRequest): Cutting {
  const { head } = first
  const { encoding, headerRecords } = request
  const whole = Buffer.concat(first.pieces)
  // COPY would take the mark of UTF-8 for a part of the first value.
  const skipped = whole.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
  const start = whole.subarray(skipped)
  const newline = findNewline(start, encoding)
  const isWhole = whole.length === head.size
  const fields = countFields(start, { encoding, newline, headerRecords, isWhole })
  const crlf = newline === lineFeed && start[start.indexOf(lineFeed) - 1] === carriageReturn
  const cutter: Cutter = createCutter({ ...request, newline })
  return {
    names: headerRecords === 0 ? null : readHeader(start, { encoding, newline, isWhole }),
    add(range) {
      if (range.start === 0) cutter.add(start)
      else for (const piece of range.pieces) cutter.add(piece)
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

/** Looks at no more than it must: the first record is mostly short. */
function findNewline(start: Buffer, encoding: CsvEncoding): number {
  for (let bytes = 16 * 1024; ; bytes *= 8) {
    const found = newlineOf(start.subarray(0, bytes), encoding)
    if (found !== null || bytes >= start.length) return found ?? lineFeed
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
