import type { CopyEncoding, Encoding } from '../../shared/codecs/encoding.ts'

/** What a source was asked for, where COPY is to take it as it comes. */
export function forCopy(encoding: Encoding): CopyEncoding {
  if (encoding.format === 'jsonl') throw new Error('COPY takes no JSON Lines')
  return encoding
}
