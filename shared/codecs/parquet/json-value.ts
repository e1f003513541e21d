import { type CopyOutput, openOutput } from './copy-output.ts'
import type { Leaf } from './schema-tree.ts'
import type { Values } from './values.ts'
import { valueWriter } from './write-value.ts'

/**
 * A value as JSON. A character of the text is a byte of UTF-8, so that bytes which are none reach the server as they are
 * and are refused there.
 */
export type JsonValue = (values: Values, index: number) => string

export function jsonValueOf(leaf: Leaf): JsonValue {
  const { kind } = leaf.type
  if (kind === 'text') return (values, index) => quoted(bytesAt(values, index))
  if (kind === 'json') return (values, index) => asItIs(bytesAt(values, index))
  const write = valueWriter(leaf)
  const out: CopyOutput = openOutput(256)
  const told: JsonValue = (values, index) => {
    out.at = 0
    write(values, index, out)
    return out.bytes.toString('latin1', 0, out.at)
  }
  if (kind === 'boolean' || kind === 'integer' || kind === 'decimal') return told
  // JSON has no numbers for NaN and infinities.
  if (kind === 'half' || kind === 'float' || kind === 'double')
    return (values, index) => {
      const text = told(values, index)
      return /[NI]/.test(text) ? `"${text}"` : text
    }
  // COPY's two backslashes of bytea are those that JSON needs, too.
  return (values, index) => `"${told(values, index)}"`
}

const bytesAt = ({ bytes, starts, ends }: Values, index: number) => bytes.toString('latin1', starts[index], ends[index])

/** A document within a document; what is none stays a text. */
function asItIs(text: string): string {
  try {
    JSON.parse(text)
    return text
  } catch {
    return quoted(text)
  }
}

const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON wants escaped
const escapedSigns = /[\x00-\x1f"\\]/g

export function quoted(text: string): string {
  const escaped = text.replaceAll(
    escapedSigns,
    (sign) => shortEscapes[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `"${escaped}"`
}
