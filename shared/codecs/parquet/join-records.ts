import { type Cells, lengthOfNext, type Texts } from './cells.ts'
import { program } from './join-program.ts'

/** Puts the fields of columns together to records, in a memory of its own (assembly/join.ts). */
export interface RecordJoiner {
  /** Lets go of the dictionaries before: those of another row group come. */
  begin(): void
  /** Adds records to the piece. @returns how many found room; 0: the piece is full, or the record is larger than one */
  add(cells: readonly Cells[], records: number): number
  /** The next record alone, however large it is. */
  alone(cells: readonly Cells[]): Buffer
  isEmpty(): boolean
  /** What was added; valid until something is added again. */
  take(): Buffer
}

interface Join {
  readonly memory: { readonly buffer: ArrayBuffer; grow(blocks: number): number }
  readonly end: { readonly value: number }
  join(columns: number, columnCount: number, records: number, out: number, limit: number): number
}

/** What pg-copy-streams is fastest with (perf.md §2b). A larger record is a piece of its own. */
const pieceBytes = 256 * 1024
/** 64 kB: the unit in which the memory grows. */
const blockBytes = 65_536
/** The module's moves write as many bytes as this, and read them, whatever is wanted. */
const stepBytes = 16
/** Of dictionaries that lie in the memory from batch to batch; what is beyond is put there for each. */
const mostKeptBytes = 16 * 1024 * 1024
/** The share of a column in that. A larger dictionary than 4 MB hardly saves anything. */
export const mostKeptOf = (columns: number): number =>
  Math.min(4 * 1024 * 1024, (mostKeptBytes - 1024 * 1024) / columns)

/** @param columns of each record, constants among them */
export function openJoiner(columns: number): RecordJoiner {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(program, 'base64')))
  const { memory, end, join } = exports as unknown as Join
  let bytes = Buffer.from(memory.buffer)
  let words = new Int32Array(memory.buffer)
  /** Behind the piece and the addresses: dictionaries, and behind them what is there for one batch. */
  const pieceAt = blockBytes
  const tableAt = aligned(pieceAt + pieceBytes + stepBytes)
  const keptAt = aligned(tableAt + 12 * columns)
  let keptEnd = keptAt
  let batchEnd = keptEnd
  const kept = new Map<Texts, { readonly text: number; readonly starts: number }>()
  let at = pieceAt

  /** @returns the address of as many bytes */
  function reserve(length: number): number {
    const address = batchEnd
    batchEnd = aligned(address + length)
    const missing = batchEnd + stepBytes - memory.buffer.byteLength
    if (missing > 0) {
      memory.grow(Math.ceil(missing / blockBytes))
      bytes = Buffer.from(memory.buffer)
      words = new Int32Array(memory.buffer)
    }
    return address
  }

  // The piece and the addresses have no other moment.
  reserve(0)

  function putNumbers(numbers: Int32Array, from: number, count: number): number {
    const address = reserve(4 * count)
    words.set(numbers.subarray(from, from + count), address / 4)
    return address
  }

  function putTexts({ text, starts, count }: Texts) {
    const length = starts[count] as number
    const address = reserve(length)
    text.copy(bytes, address, 0, length)
    return { text: address, starts: putNumbers(starts, 0, count + 1) }
  }

  /** Before anything else of a batch is put, as it stays there. */
  function keep(texts: Texts): void {
    if (kept.has(texts) || keptEnd + (texts.starts[texts.count] as number) + 4 * texts.count > mostKeptBytes) return
    kept.set(texts, putTexts(texts))
    keptEnd = batchEnd
  }

  /** Of texts that do not stay, those that these records need: a batch of wide records may be one record of 512 that are there. */
  function putNeeded({ texts: { text, starts }, places, at: first }: Cells, records: number) {
    let [low, high] = [Number.MAX_SAFE_INTEGER, -1]
    for (let index = first; index < first + records; index += 1) {
      const place = places[index] as number
      if (place > high) high = place
      if (place >= 0 && place < low) low = place
    }
    if (high < 0) return { text: 0, starts: 0 }
    const [from, to] = [starts[low] as number, starts[high + 1] as number]
    const address = reserve(to - from)
    text.copy(bytes, address, from, to)
    // As if all before them lay there too: addresses wrap around, so one below zero comes out right.
    return { text: address - from, starts: putNumbers(starts, low, high + 2 - low) - 4 * low }
  }

  function put(cells: readonly Cells[], records: number): void {
    batchEnd = keptEnd
    for (const { areKept, texts } of cells) if (areKept) keep(texts)
    for (const [index, one] of cells.entries()) {
      const { texts, places, at: first } = one
      const { text, starts } = kept.get(texts) ?? putNeeded(one, records)
      const addresses = [text, starts, putNumbers(places, first, records)]
      words.set(addresses, tableAt / 4 + 3 * index)
    }
  }

  return {
    begin() {
      kept.clear()
      keptEnd = keptAt
    },
    add(cells, records) {
      // It would lie in the memory twice, which never shrinks.
      if (lengthOfRecord(cells) + stepBytes > pieceBytes) return 0
      put(cells, records)
      const written = join(tableAt, columns, records, at, tableAt)
      at = end.value
      return written
    },
    alone: recordOf,
    isEmpty: () => at === pieceAt,
    take() {
      const piece = bytes.subarray(pieceAt, at)
      at = pieceAt
      return piece
    },
  }
}

/** Of the next record, with a byte behind each field. */
const lengthOfRecord = (cells: readonly Cells[]) => cells.reduce((sum, one) => sum + lengthOfNext(one) + 1, 0)

const nullText = Buffer.from('\\N')
const tab = 0x09
const lineFeed = 0x0a

function recordOf(cells: readonly Cells[]): Buffer {
  const record = Buffer.allocUnsafeSlow(Math.max(1, lengthOfRecord(cells)))
  let at = 0
  for (const one of cells) {
    const { text, starts } = one.texts
    const place = one.places[one.at] as number
    at += place < 0 ? nullText.copy(record, at) : text.copy(record, at, starts[place], starts[place + 1])
    record[at++] = tab
  }
  record[record.length - 1] = lineFeed
  return record
}

const aligned = (address: number) => stepBytes * Math.ceil(address / stepBytes)
