import { type CopyEncoding, copyText, type Encoding } from '../codecs/encoding.ts'
import type { Target } from '../connectors/contract.ts'

/** What a source is asked for: no COPY gives JSON, so that is made of COPY text on its way into an object. */
export const askedForm = ({ preferred }: Pick<Target, 'preferred'>): CopyEncoding =>
  preferred.format === 'jsonl' ? copyText : preferred

/** How the destination gets records that lie like this in their source: JSON, and what steps have changed, is rewritten. */
export const sentForm = (encoding: Encoding, isChanged: boolean): CopyEncoding =>
  isChanged || encoding.format === 'jsonl' ? copyText : encoding
