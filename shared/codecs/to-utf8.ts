import iconv from 'iconv-lite'
import { TransferError } from '../errors/index.ts'

const utf16 = /^utf-?16-?(le|be)?$/i

/** Whether a file in this charset can be turned into UTF-8, by its usual names. */
export const canDecode = (charset: string): boolean => utf16.test(charset) || iconv.encodingExists(charset)

/**
 * A file in UTF-8, without a byte order mark. What is no character of its charset is an error: a replacement would be a
 * changed value that nobody sees.
 * @throws source/undecodable
 */
export async function* toUtf8(source: AsyncIterable<Uint8Array>, charset: string): AsyncIterable<Uint8Array> {
  let decode: Decode | null = null
  let bytes = 0
  const checked = (text: string): Buffer => {
    const bad = text.indexOf('\uFFFD')
    if (bad !== -1) throw undecodable(charset, bytes + Buffer.byteLength(text.slice(0, bad)))
    const piece = Buffer.from(text)
    bytes += piece.length
    return piece
  }
  for await (const piece of source) {
    decode ??= decoderFor(charset, piece)
    const text = decode(piece)
    if (text.length > 0) yield checked(text)
  }
  const rest = decode?.(null) ?? ''
  if (rest.length > 0) yield checked(rest)
}

/**
 * UTF-8 in another charset. iconv-lite writes `?` for what the charset lacks, so what was written is read back.
 * @throws target/unencodable
 */
export async function* fromUtf8(source: AsyncIterable<Uint8Array>, charset: string): AsyncIterable<Uint8Array> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const encoder = iconv.getEncoder(charset)
  // Without an order of its own, iconv-lite writes a mark and little-endian.
  const readBack = charset.replace(/^(utf-?(?:16|32))$/i, '$1-le')
  let written = 0
  const encoded = (text: string): Buffer => {
    const bytes = encoder.write(text)
    const back = iconv.decode(bytes, readBack, { stripBOM: written === 0 })
    if (back !== text) throw unencodable(charset, text, back, written)
    written += Buffer.byteLength(text)
    return bytes
  }
  for await (const piece of source) {
    const text = decoder.decode(piece, { stream: true })
    if (text.length > 0) yield encoded(text)
  }
  const rest = decoder.decode()
  if (rest.length > 0) yield encoded(rest)
  const end = encoder.end()
  if (end !== undefined && end.length > 0) yield end
}

/** The character is told by its number: it is data. */
function unencodable(charset: string, text: string, back: string, written: number): TransferError {
  let at = 0
  while (text[at] === back[at]) at += 1
  const number = (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0')
  const offset = written + Buffer.byteLength(text.slice(0, at))
  const message = `${charset} has no character U+${number}, which stands behind byte ${offset} of the object in UTF-8`
  return new TransferError('target/unencodable', message, { charset, offset })
}

/** null: the end of the file. */
type Decode = (piece: Uint8Array | null) => string

/** Node's own decoder is ten times as fast as iconv-lite's; `utf-16` alone leaves the order of bytes to the mark, else it is little-endian. */
function decoderFor(charset: string, first: Uint8Array): Decode {
  const order = utf16.exec(charset)
  if (order === null) {
    const decoder = iconv.getDecoder(charset)
    return (piece) => (piece === null ? (decoder.end() ?? '') : decoder.write(Buffer.from(piece)))
  }
  const isBigEndian = order[1] === undefined ? first[0] === 0xfe && first[1] === 0xff : /be/i.test(order[1])
  const decoder = new TextDecoder(isBigEndian ? 'utf-16be' : 'utf-16le')
  return (piece) => (piece === null ? decoder.decode() : decoder.decode(piece, { stream: true }))
}

function undecodable(charset: string, offset: number): TransferError {
  const message = `the file is not ${charset}: behind byte ${offset} of it, as UTF-8, is something that is no character (or U+FFFD itself)`
  return new TransferError('source/undecodable', message, { charset, offset })
}
