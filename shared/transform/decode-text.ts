import iconv from 'iconv-lite'
import type { Decode } from '../codecs/read-fields.ts'
import { TransferError } from '../errors/index.ts'
import { serverCharset } from '../load/copy-rules.ts'

interface Charset {
  /** iconv-lite's name. */
  readonly name: string
  /** Bytes that PostgreSQL refuses, or their characters; iconv-lite would make private characters of them, or an €. */
  readonly refuses: (bytes: Buffer, text: string) => boolean
}

const privateUse = /[\uE000-\uF8FF]/
const takesAll = () => false
const pairsOfEucCn = /^(?:[^\x80-\xFF]|[\xA1-\xFE]{2})*$/
const outsideOfEucCn = (bytes: Buffer) => !pairsOfEucCn.test(bytes.toString('latin1'))
const euroOfGb18030 = Buffer.from([0xa2, 0xe3])

/**
 * By PostgreSQL's names, as far as both agree, which a test asks it. Node's own TextDecoder does not: it takes FF FF for GBK,
 * and windows-1252 for Latin-1. Of BIG5, 267 characters are others to iconv-lite, so it is not here.
 */
const charsets: Readonly<Record<string, Charset>> = {
  GBK: { name: 'gbk', refuses: (_, text) => privateUse.test(text) || text.includes('€') },
  EUC_CN: { name: 'gb2312', refuses: (bytes, text) => outsideOfEucCn(bytes) || privateUse.test(text) },
  GB18030: { name: 'gb18030', refuses: (bytes, text) => text.includes('€') && !bytes.includes(euroOfGb18030) },
  LATIN1: { name: 'latin1', refuses: takesAll },
  WIN1252: { name: 'win1252', refuses: (_, text) => /[\u0080-\u009F]/.test(text) },
}

/**
 * Bytes of a charset as text, or an error: a replacement character would be a changed value.
 * @throws job/unsupported for a charset that COPY does not know either; the function throws record/encoding
 */
export function decoderOf(charset: string): Decode {
  const known = serverCharset(charset)
  if (known === 'UTF8') return utf8Decoder()
  const found = known === null ? undefined : charsets[known]
  if (found === undefined)
    throw new TransferError('job/unsupported', `records in ${charset} cannot be transformed; save the file as UTF-8`)
  const { name, refuses } = found
  return (bytes) => {
    const text = iconv.decode(bytes, name, { stripBOM: false })
    if (text.includes('\uFFFD') || refuses(bytes, text)) throw notOf(charset)
    return text
  }
}

function utf8Decoder(): Decode {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  return (bytes) => {
    try {
      return decoder.decode(bytes)
    } catch (error) {
      throw notOf('UTF-8', error)
    }
  }
}

const notOf = (charset: string, cause?: unknown) =>
  new TransferError('record/encoding', `the record is not ${charset}`, {}, cause === undefined ? {} : { cause })
