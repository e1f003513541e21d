import type { Decode } from '../codecs/read-fields.ts'
import { TransferError } from '../errors/index.ts'
import { serverCharset } from '../load/copy-rules.ts'

/** Labels of https://encoding.spec.whatwg.org by PostgreSQL's names. */
const labels: Readonly<Record<string, string>> = {
  UTF8: 'utf-8',
  GBK: 'gbk',
  EUC_CN: 'gbk',
  GB18030: 'gb18030',
  BIG5: 'big5',
  WIN1252: 'windows-1252',
}

/**
 * Bytes of a charset as text, or an error: a replacement character would be a changed value.
 * @throws job/unsupported for a charset that COPY does not know either; the function throws record/encoding
 */
export function decoderOf(charset: string): Decode {
  const name = serverCharset(charset) ?? charset
  // The web takes Latin-1 for windows-1252.
  if (name === 'LATIN1') return (bytes) => bytes.toString('latin1')
  const label = labels[name]
  if (label === undefined) throw new TransferError('job/unsupported', `records in ${charset} cannot be transformed`)
  const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true })
  return (bytes) => {
    try {
      return decoder.decode(bytes)
    } catch (error) {
      throw new TransferError('record/encoding', `the record is not ${charset}`, {}, { cause: error })
    }
  }
}
