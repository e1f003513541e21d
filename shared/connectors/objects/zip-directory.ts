import { type Entry, fromRandomAccessReader, RandomAccessReader } from 'yauzl'
import { corrupt } from '../../codecs/corrupt.ts'
import type { ZipEntry } from '../../codecs/unzip.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { PackedFile } from './packed-slice.ts'

/** The directory is read in windows: a request for each entry would cost more than the bytes around it. */
const windowBytes = 256 * 1024

/** Fixed part of what stands before the bytes of an entry (APPNOTE.TXT 4.3.7). */
const localHeaderBytes = 30

/** Folders, and what macOS adds to an archive, are no files of anybody. */
const isFile = (name: string) => !/(^|\/)(__MACOSX\/|\._[^/]*$|\.DS_Store$)|\/$/.test(name)

const methods: Readonly<Record<number, ZipEntry['method']>> = { 0: 'stored', 8: 'deflate' }

/**
 * The files of a zip file, zip64 too, in the order of its directory.
 * @throws source/corrupt; job/unsupported for an entry that is encrypted or packed in another way
 */
export async function zipFiles(store: ObjectStore, head: ObjectHead, signal: AbortSignal): Promise<PackedFile[]> {
  const reader = new ObjectReader(store, head, signal)
  const entries = await entriesOf(reader, head).catch((error: unknown) => {
    throw reader.failure ?? (error instanceof TransferError ? error : corrupt(reasonOf(error)))
  })
  const files: PackedFile[] = []
  for (const entry of entries) if (isFile(entry.fileName)) files.push(await fileOf(reader, head, entry))
  return files
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

function entriesOf(reader: RandomAccessReader, { size }: ObjectHead): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    fromRandomAccessReader(reader, size, { lazyEntries: false, autoClose: false }, (error, zip) => {
      if (error !== null) return reject(error)
      const entries: Entry[] = []
      zip.on('entry', (entry: Entry) => void entries.push(entry))
      zip.on('error', reject)
      zip.on('end', () => resolve(entries))
    })
  })
}

async function fileOf(reader: ObjectReader, head: ObjectHead, entry: Entry): Promise<PackedFile> {
  const { fileName: name, compressedSize, uncompressedSize: bytes, crc32: crc } = entry
  const method = methods[entry.compressionMethod]
  if (entry.isEncrypted()) throw unsupported(head.key, name, 'is encrypted')
  if (method === undefined) throw unsupported(head.key, name, `is packed by method ${entry.compressionMethod} of zip`)
  const local = await reader.bytes(entry.relativeOffsetOfLocalHeader, localHeaderBytes)
  const from = entry.relativeOffsetOfLocalHeader + localHeaderBytes + local.readUInt16LE(26) + local.readUInt16LE(28)
  if (local.readUInt32LE(0) !== 0x04034b50 || from + compressedSize > head.size)
    throw corrupt(`${name} is not where the directory says`)
  const described: ZipEntry = { name, method, crc, bytes }
  const { key, etag, size } = head
  return { key, etag, size, packing: 'gzip', from, to: from + compressedSize, entry: JSON.stringify(described) }
}

const unsupported = (key: string, name: string, what: string) =>
  new TransferError('job/unsupported', `${key}: ${name} ${what}; unpack it, or pack it with deflate and no password`, {
    key,
    entry: name,
  })

/** An object for yauzl, which asks for a few bytes at a time, mostly one behind the other. */
class ObjectReader extends RandomAccessReader {
  /** yauzl makes other errors of some. */
  failure: TransferError | null = null
  readonly #store: ObjectStore
  readonly #head: ObjectHead
  readonly #signal: AbortSignal
  #window = { start: 0, bytes: Buffer.alloc(0) }

  constructor(store: ObjectStore, head: ObjectHead, signal: AbortSignal) {
    super()
    this.#store = store
    this.#head = head
    this.#signal = signal
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.bytes(position, length).then(
      (bytes) => callback(null, bytes.copy(buffer, offset)),
      (error: Error) => {
        if (error instanceof TransferError) this.failure ??= error
        callback(error)
      },
    )
  }

  /** @throws source/corrupt when the object ends before */
  async bytes(position: number, length: number): Promise<Buffer> {
    const { start, bytes } = this.#window
    if (position < start || position + length > start + bytes.length) await this.#fetch(position, length)
    const at = position - this.#window.start
    return this.#window.bytes.subarray(at, at + length)
  }

  async #fetch(position: number, length: number): Promise<void> {
    const { key, etag, size } = this.#head
    if (position < 0 || position + length > size) throw corrupt('its directory points behind its end')
    const end = Math.min(size, position + Math.max(length, windowBytes))
    const pieces: Uint8Array[] = []
    for await (const piece of this.#store.readRange(key, { start: position, end, etag, signal: this.#signal }))
      pieces.push(piece)
    this.#window = { start: position, bytes: Buffer.concat(pieces) }
  }
}
