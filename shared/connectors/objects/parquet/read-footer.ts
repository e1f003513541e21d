import { type Footer, footerBytesOf, readFooter, tailBytes } from '../../../codecs/parquet/footer.ts'
import { columnsOfSchema, type SchemaColumn } from '../../../codecs/parquet/schema-tree.ts'
import { TransferError } from '../../../errors/index.ts'
import type { ObjectHead, ObjectStore } from '../../../ports/index.ts'

/** Footers of usual files are smaller, so that one request gets them. */
const firstReadBytes = 64 * 1024
/** It is held in memory. Of 16 columns a group takes about 1.5 kB. */
const maxFooterBytes = 32 * 1024 * 1024

type Version = Pick<ObjectHead, 'key' | 'etag' | 'size'>

/** The bytes of the footer, by one or two ranges at the end of the object. @throws source/corrupt, job/unsupported */
export async function fetchFooter(store: ObjectStore, object: Version, signal: AbortSignal): Promise<Buffer> {
  const { key, size } = object
  if (size < 12) throw corrupt(key, `${size} bytes are no Parquet file`)
  const start = Math.max(0, size - firstReadBytes)
  const end = await readRange(store, object, start, size, signal)
  const length = naming(key, () => footerBytesOf(end.subarray(-tailBytes)))
  if (length > size - 12) throw corrupt(key, 'the footer is said to be longer than the file')
  if (length > maxFooterBytes) {
    const message = `${key}: the footer has ${length} bytes, ${maxFooterBytes} are read; write larger row groups`
    throw new TransferError('job/unsupported', message, { key })
  }
  const from = size - tailBytes - length
  if (from >= start) return end.subarray(from - start, end.length - tailBytes)
  return await readRange(store, object, from, size - tailBytes, signal)
}

export interface OpenedFooter extends Footer {
  readonly columns: readonly SchemaColumn[]
}

/**
 * @param range first group and number of groups; null: all
 * @param leavesOf what is wanted of the columns
 */
export function openFooter(
  bytes: Buffer,
  { key, size }: Pick<Version, 'key' | 'size'>,
  range: { readonly first: number; readonly count: number } | null,
  leavesOf: (columns: readonly SchemaColumn[]) => ReadonlySet<number>,
): OpenedFooter {
  return naming(key, () => {
    const footer = readFooter(bytes, {
      wantsGroup: (index) => range === null || (index >= range.first && index < range.first + range.count),
      wantedLeaves: (elements) => leavesOf(columnsOfSchema(elements)),
    })
    refuseUnsound(footer, size)
    return { ...footer, columns: columnsOfSchema(footer.schema) }
  })
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0

/** Numbers that no sound footer holds: they would be asked of the store, or awaited of the pages. */
function refuseUnsound({ groups, rows }: Footer, size: number): void {
  for (const group of groups) {
    if (group === null) continue
    if (!isCount(group.rows) || group.rows > rows)
      throw new RangeError('the footer gives a row group no sound number of rows')
    for (const chunk of group.columns) {
      if (chunk === null) continue
      const { start, compressedBytes, uncompressedBytes, values } = chunk
      if (
        ![start, compressedBytes, uncompressedBytes, values].every(isCount) ||
        start < 4 ||
        start + compressedBytes > size
      )
        throw new RangeError('the footer says that a column lies outside of the file')
    }
  }
}

/** Small enough to be held whole. */
export async function readRange(
  store: ObjectStore,
  { key, etag }: Version,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(end - start)
  let at = 0
  for await (const piece of store.readRange(key, { start, end, etag, signal, lent: true })) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** What a codec says of bytes, as an error of the file. */
export function naming<T>(key: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asFileError(error, key)
  }
}

/** A TypeError is ours; anything else that decoding throws is about the bytes. */
export function asFileError(error: unknown, key: string): unknown {
  if (error instanceof TransferError && (error.code !== 'job/unsupported' || error.context.key !== undefined))
    return error
  if (error instanceof TransferError)
    return new TransferError(error.code, `${key}: ${error.message}`, { key, ...error.context }, { cause: error.cause })
  if (!(error instanceof Error) || error instanceof TypeError) return error
  return corrupt(key, error.message, error)
}

function corrupt(key: string, message: string, cause?: Error): TransferError {
  return new TransferError('source/corrupt', `${key}: ${message}`, { key }, { cause })
}
