import { headOf, type Packing } from '../../codecs/inflate.ts'
import { TransferError } from '../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../ports/index.ts'
import type { PlannedSlice } from '../contract.ts'
import type { CutObject, CutRequest } from './cut-objects.ts'
import { looksOf } from './first-look.ts'
import { nameOfFile, type PackedFile, type PackedSlice, type Unpacking, unpacked } from './packed-slice.ts'
import { type EarlyRead, readAhead } from './read-ahead.ts'
import { zipFiles } from './zip-directory.ts'

export const compressions = ['auto', 'none', 'gzip', 'zstd', 'zip'] as const
export type Compression = (typeof compressions)[number]

const signatures = {
  gzip: Buffer.from([0x1f, 0x8b, 8]),
  zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
  zip: Buffer.from('PK\x03\x04'),
  emptyZip: Buffer.from('PK\x05\x06'),
} as const

const suffixes = /\.(gz|gzip|zst|zstd|zip)$/i

/** As far as a name can tell. */
export const mayHaveToBeUnpacked = (key: string, compress: Compression): boolean =>
  compress === 'auto' ? suffixes.test(key) : compress !== 'none'

/** What is looked at to find the header: as much is inflated and thrown away for each file. */
const headBytes = 1024 * 1024
const ahead = { maxReads: 16, maxBytes: 16 * headBytes }

/** Objects that have to be unpacked or decoded as they are read, and those that need not. */
export interface SortedObjects {
  readonly plain: readonly ObjectHead[]
  readonly packed: readonly PackedFile[]
}

/**
 * With `auto`, an object is compressed when its name says so and its first bytes agree: half of that may be chance, and a
 * text never begins like that.
 */
export async function sortObjects(
  store: ObjectStore,
  objects: readonly ObjectHead[],
  { compress, ...unpacking }: { readonly compress: Compression } & Unpacking,
): Promise<SortedObjects> {
  const plain: ObjectHead[] = []
  const packed: PackedFile[] = []
  for (const head of objects) {
    const found = compress === 'auto' ? await compressionOf(store, head, unpacking.signal) : compress
    if (head.size === 0 || (found === 'none' && unpacking.charset === null)) plain.push(head)
    else if (found === 'zip') packed.push(...(await naming(head.key, () => zipFiles(store, head, unpacking.signal))))
    else packed.push(fileOf(head, found === 'none' ? 'stored' : found))
  }
  return { plain, packed }
}

const fileOf = ({ key, etag, size }: ObjectHead, packing: Packing): PackedFile => ({
  key,
  etag,
  size,
  packing,
  from: 0,
  to: size,
})

async function compressionOf(
  store: ObjectStore,
  { key, etag, size }: ObjectHead,
  signal: AbortSignal,
): Promise<Exclude<Compression, 'auto'>> {
  if (!suffixes.test(key) || size === 0) return 'none'
  const { head } = await headOf(store.readRange(key, { start: 0, end: Math.min(size, 4), etag, signal }), 4)
  const begins = (signature: Buffer) => head.subarray(0, signature.length).equals(signature)
  if (begins(signatures.gzip)) return 'gzip'
  if (begins(signatures.zstd)) return 'zstd'
  return begins(signatures.zip) || begins(signatures.emptyZip) ? 'zip' : 'none'
}

/** A file whose beginning was looked at. */
export interface HeadedFile extends Pick<CutObject, 'key' | 'names'> {
  /** null: nothing is behind its header. */
  readonly slice: Omit<PackedSlice, 'pick'> | null
}

/** In the order of the files. @throws source/corrupt and others, naming the file */
export async function* headFiles(
  store: ObjectStore,
  files: readonly PackedFile[],
  request: Pick<CutRequest, 'encoding' | 'headerRecords' | 'signal'>,
  unpacking: Unpacking,
): AsyncGenerator<HeadedFile> {
  const reads = files.map((file): EarlyRead<HeadedFile> => {
    const start = (signal: AbortSignal) =>
      naming(nameOfFile(store.bucket, file, unpacking.charset), () =>
        headFile(store, file, request, { ...unpacking, signal }),
      )
    return { bytes: headBytes, start }
  })
  yield* readAhead(reads, { ...ahead, signal: request.signal })
}

async function headFile(
  store: ObjectStore,
  file: PackedFile,
  request: Pick<CutRequest, 'encoding' | 'headerRecords'>,
  unpacking: Unpacking,
): Promise<HeadedFile> {
  const { head, isWhole } = await headOf(unpacked(store, file, unpacking), headBytes)
  const {
    headerEnd: start,
    newline,
    crlf,
    fields,
    names,
  } = looksOf(head, { size: isWhole ? head.length : Infinity }, request)
  if (start === head.length && !isWhole)
    throw new TransferError('record/too-large', `the header does not end within the first ${head.length} bytes`)
  const slice = start === head.length ? null : { ...file, start, firstRecord: 1, newline, crlf, fields }
  return { key: file.key, names, slice }
}

/** @param picked which of its columns are taken, where that is not all in order */
export function plannedSlice(
  slice: Omit<PackedSlice, 'pick' | 'keys' | 'bytes'>,
  picked: Readonly<Record<string, string>>,
): PlannedSlice {
  const { entry, ...rest } = slice
  const indivisible =
    slice.packing === 'stored'
      ? 'a charset is decoded from the beginning'
      : 'a compressed file is read from its beginning'
  return {
    slice: { ...rest, ...(entry === undefined ? {} : { entry }), ...picked },
    bytes: null,
    records: null,
    indivisible,
  }
}

async function naming<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TransferError)) throw error
    throw new TransferError(error.code, `${name}: ${error.message}`, { ...error.context }, { cause: error.cause })
  }
}
