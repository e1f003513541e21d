import { TransferError } from '../../errors/index.ts'
import type { Decompress } from './decompress.ts'
import type { ColumnChunk } from './footer.ts'
import { readLevels } from './hybrid.ts'
import { type PageHeader, readPageHeader } from './page-header.ts'
import type { Leaf } from './schema-tree.ts'
import { bytesPerValue, isDictionary, type Places, readPlaces, readValues, type Values } from './values.ts'

/** A page of values of a column. */
export interface Page {
  /** With those that are null. */
  readonly count: number
  /** Levels by value; null where all are as deep as the leaf, or as shallow as can be. */
  readonly definitions: Uint8Array | null
  readonly repetitions: Uint8Array | null
  readonly values: Values | Places
}

/** Bytes `offset` to `offset + length` of a chunk; fewer where it ends before. */
export type ReadBytes = (offset: number, length: number) => Promise<Buffer> | Buffer

export interface ColumnPages {
  /** null behind the last one. @param skip a page of no more values than this is passed over, and told by its count alone */
  next(skip: number): Promise<Page | { readonly passed: number } | null>
  /** Of the chunk; null when its values stand for themselves. */
  dictionary(): Values | null
}

export interface PagesRequest {
  readonly leaf: Leaf
  readonly chunk: ColumnChunk
  readonly readBytes: ReadBytes
  readonly decompress: Decompress
  /** Told what the chunk holds in memory from now on, its dictionary and a page. @throws when all columns hold too much */
  readonly hold: (bytes: number) => void
}

/** Most headers; those with long statistics are larger. */
const usualHeaderBytes = 512
const maxHeaderBytes = 16 * 1024 * 1024

/** @throws RangeError for what is no page; job/unsupported for what is not read */
export function openPages({ leaf, chunk, readBytes, decompress, hold }: PagesRequest): ColumnPages {
  let offset = 0
  let valuesLeft = chunk.values
  let dictionary: Values | null = null
  let dictionaryBytes = 0

  async function header(): Promise<PageHeader> {
    for (let bytes = usualHeaderBytes; ; bytes *= 8) {
      const head = await readBytes(offset, bytes)
      try {
        return readPageHeader(head)
      } catch (error) {
        if (head.length < bytes || bytes > maxHeaderBytes) throw error
      }
    }
  }

  async function body(head: PageHeader): Promise<Buffer> {
    const needed = bytesOfPage(head, leaf)
    if (head.kind === 'dictionary') dictionaryBytes = needed
    hold(dictionaryBytes + (head.kind === 'dictionary' ? 0 : needed))
    const bytes = await readBytes(offset + head.headerBytes, head.compressedBytes)
    if (bytes.length < head.compressedBytes) throw new RangeError(`a page of column ${leaf.name} ends early`)
    return bytes
  }

  async function next(skip: number): Promise<Page | { passed: number } | null> {
    while (valuesLeft > 0) {
      const head = await header()
      const pass = () => {
        offset += head.headerBytes + head.compressedBytes
      }
      if (head.kind === 'other') {
        pass()
        continue
      }
      if (head.kind === 'dictionary') {
        const bytes = decompress(await body(head), head.uncompressedBytes)
        dictionary = readValues(bytes, head.encoding, head.values, leaf)
        pass()
        continue
      }
      if (head.values > valuesLeft) throw new RangeError(`column ${leaf.name} has more values than its footer says`)
      valuesLeft -= head.values
      if (head.values <= skip) {
        pass()
        return { passed: head.values }
      }
      const bytes = await body(head)
      pass()
      return head.kind === 'data' ? firstPage(bytes, head) : secondPage(bytes, head)
    }
    return null
  }

  function firstPage(bytes: Buffer, head: PageHeader): Page {
    const whole = decompress(bytes, head.uncompressedBytes)
    if (
      head.levelEncodings.some(
        (encoding, level) => encoding !== 3 && (level === 0 ? leaf.definition : leaf.repetition) > 0,
      )
    )
      throw notRead(`levels of column ${leaf.name} are bit-packed, as before 2014`)
    let at = 0
    const level = (highest: number) => {
      if (highest === 0) return null
      const length = whole.readUInt32LE(at)
      const found = readLevels(whole.subarray(at + 4, at + 4 + length), head.values, highest)
      at += 4 + length
      return found
    }
    const repetitions = level(leaf.repetition)
    const definitions = level(leaf.definition)
    return pageOf(whole.subarray(at), head, definitions, repetitions)
  }

  function secondPage(bytes: Buffer, head: PageHeader): Page {
    const { repetitionBytes, definitionBytes } = head
    const levels = repetitionBytes + definitionBytes
    const repetitions =
      leaf.repetition === 0 ? null : readLevels(bytes.subarray(0, repetitionBytes), head.values, leaf.repetition)
    const definitions =
      leaf.definition === 0 ? null : readLevels(bytes.subarray(repetitionBytes, levels), head.values, leaf.definition)
    const packed = bytes.subarray(levels)
    const length = head.uncompressedBytes - levels
    // A page of nulls alone may have nothing to uncompress.
    const isPlain = !head.isCompressed || length === 0
    return pageOf(isPlain ? packed : decompress(packed, length), head, definitions, repetitions)
  }

  function pageOf(
    bytes: Buffer,
    head: PageHeader,
    definitions: ReturnType<typeof readLevels> | null,
    repetitions: ReturnType<typeof readLevels> | null,
  ): Page {
    const count = definitions === null ? head.values : definitions.full
    const levels = {
      count: head.values,
      definitions: definitions === null || count === head.values ? null : definitions.levels,
      repetitions: repetitions === null ? null : repetitions.levels,
    }
    if (!isDictionary(head.encoding)) return { ...levels, values: readValues(bytes, head.encoding, count, leaf) }
    if (dictionary === null) throw new RangeError(`column ${leaf.name} refers to a dictionary that is not there`)
    return { ...levels, values: readPlaces(bytes, count, dictionary) }
  }

  return { next, dictionary: () => dictionary }
}

/** What a page takes in memory: its bytes before and after, levels, and values. */
export function bytesOfPage(head: PageHeader, leaf: Leaf): number {
  const levels = (leaf.definition > 0 ? 1 : 0) + (leaf.repetition > 0 ? 1 : 0)
  return head.compressedBytes + head.uncompressedBytes + head.values * (levels + Math.max(4, bytesPerValue(leaf)))
}

const notRead = (what: string) =>
  new TransferError('job/unsupported', `${what}, which is not read; write the file with a newer library`)
