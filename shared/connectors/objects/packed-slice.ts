import * as z from 'zod'
import { atMost, firstBytes, inflated, Packing, skipBytes } from '../../codecs/inflate.ts'
import { toUtf8 } from '../../codecs/to-utf8.ts'
import { entryAsGzip, ZipEntry } from '../../codecs/unzip.ts'
import type { ObjectStore } from '../../ports/index.ts'
import { ObjectSlice } from './object-slice.ts'

/**
 * A file that cannot be read from its middle: a version of a compressed object, one entry of a zip file, or an object in a
 * charset that has to be decoded. `start` is a place in the file as it is inflated and decoded.
 */
export const PackedSlice = ObjectSlice.omit({ end: true, records: true, begins: true }).extend({
  packing: Packing,
  /** Bytes of the object that hold the file. */
  from: z.number().int().min(0),
  to: z.number().int().min(0),
  /** JSON of what the directory of a zip says. */
  entry: z.string().optional(),
  /** Of the file as it is inflated and decoded, from `start` on; unset: to its end. */
  bytes: z.number().int().min(0).optional(),
})
export type PackedSlice = z.infer<typeof PackedSlice>

/** Where the bytes of a file lie, before anything is known of what it holds. */
export type PackedFile = Pick<PackedSlice, 'key' | 'etag' | 'size' | 'packing' | 'from' | 'to' | 'entry'>

export interface Unpacking {
  /** null: as it lies. */
  readonly charset: string | null
  /** Inflated bytes for each compressed one that are still believed. */
  readonly maxInflateRatio: number
  readonly signal: AbortSignal
  /** Each piece is valid until the next is asked for. */
  readonly lent?: boolean
}

/** Less is not worth a refusal, however well it was compressed. */
const unsuspectedBytes = 1024 ** 3

/** The file from its first byte on, inflated and in a charset that COPY takes. */
export function unpacked(store: ObjectStore, file: PackedFile, options: Unpacking): AsyncIterable<Uint8Array> {
  const { key, etag, from, to, packing } = file
  // What inflates gzip is done with a piece when it asks for the next; zstd puts pieces together.
  const lent = options.lent === true && packing === 'gzip'
  const bytes = store.readRange(key, { start: from, end: to, etag, signal: options.signal, lent })
  const entry = entryOf(file)
  const whole = inflated(entry === null ? bytes : entryAsGzip(bytes, entry), packing, { lent })
  const maxBytes = Math.max(unsuspectedBytes, options.maxInflateRatio * (to - from))
  const bounded = packing === 'stored' ? whole : atMost(whole, maxBytes, to - from)
  return options.charset === null ? bounded : toUtf8(bounded, options.charset)
}

export function unpackedFrom(store: ObjectStore, slice: PackedSlice, options: Unpacking): AsyncIterable<Uint8Array> {
  const rest = skipBytes(unpacked(store, slice, options), slice.start)
  return slice.bytes === undefined ? rest : firstBytes(rest, slice.bytes)
}

export const entryOf = ({ entry }: Pick<PackedFile, 'entry'>): ZipEntry | null =>
  entry === undefined ? null : ZipEntry.parse(JSON.parse(entry))

/** For people who look for a rejected record: where places are counted. */
export function nameOfFile(bucket: string, file: PackedFile, charset: string | null): string {
  const entry = entryOf(file)
  const inside = entry === null ? '' : `, ${entry.name} in it`
  const how = [...(file.packing === 'stored' ? [] : ['inflated']), ...(charset === null ? [] : ['in UTF-8'])].join(', ')
  return `oss://${bucket}/${file.key}${inside} (${how})`
}
