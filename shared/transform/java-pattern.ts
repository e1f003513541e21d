import type { RE2JS } from 're2js'
import { TransferError } from '../errors/index.ts'

/** Whether the whole of a value matches, as Java's `String.matches` asks. */
export type Matches = (value: string) => boolean

/**
 * A regular expression of a user, run in time that grows with the value and not with its power: `(a+)+b` must not hang a
 * loader. RE2 has no look-around and no references back; what it reads otherwise than Java is written anew or refused.
 * @throws job/unsupported with the reason
 */
export async function javaPattern(pattern: string): Promise<Matches> {
  const written = asRe2(pattern)
  if ('refusal' in written) throw unsupported(written.refusal)
  const { RE2JS } = await import('re2js')
  return compiled(RE2JS, written.pattern)
}

function compiled(engine: typeof RE2JS, pattern: string): Matches {
  try {
    const expression = engine.compile(pattern)
    return (value) => expression.matches(value)
  } catch (error) {
    throw unsupported(error instanceof Error ? error.message : String(error), error)
  }
}

const unsupported = (reason: string, cause?: unknown) =>
  new TransferError(
    'job/unsupported',
    `the regular expression cannot run here: ${reason}. Look-around, references back and possessive quantifiers are not known`,
    {},
    cause === undefined ? {} : { cause },
  )

/** What ends a line to Java, and so is no `.`; RE2 knows the line feed alone. */
const anyButLineEnds = '[^\\n\\r\\x{85}\\x{2028}\\x{2029}]'
/** RE2 leaves out the vertical tab. */
const blanks = '\\t\\n\\x0B\\f\\r '

/** The same expression for RE2, where it would read it otherwise in silence; what it does not know it tells by itself. */
function asRe2(pattern: string): { readonly pattern: string } | { readonly refusal: string } {
  const isDotAll = /\(\?[a-z]*s/.test(pattern)
  let written = ''
  let isInClass = false
  for (let at = 0; at < pattern.length; ) {
    const rest = pattern.slice(at, at + 8)
    const [first = ''] = rest
    const token = tokenAt(pattern, at, isInClass)
    if (isInClass && first === '[') return { refusal: 'a class within a class is read otherwise' }
    if (isInClass && rest.startsWith('&&')) return { refusal: 'an intersection of classes (&&) is read otherwise' }
    if (/^\\[vVhHRXZG]/.test(rest)) return { refusal: `${rest.slice(0, 2)} is not known` }
    if (!isInClass && /^\(\?[a-z-]*U/.test(rest)) return { refusal: 'the flag U is read otherwise' }
    if (first === '[') isInClass = true
    else if (isInClass && token === ']') isInClass = false
    written += rewritten(token, isInClass, isDotAll)
    at += token.length
  }
  return { pattern: written }
}

/** One sign, one escape, a quotation, or the beginning of a class, in which a bracket that comes first is a member. */
function tokenAt(pattern: string, at: number, isInClass: boolean): string {
  const rest = pattern.slice(at)
  if (rest.startsWith('\\Q')) return /^\\Q.*?(\\E|$)/s.exec(rest)?.[0] ?? rest
  const shape = isInClass ? /^(\\u[0-9a-fA-F]{4}|\\?.)/s : /^(\\u[0-9a-fA-F]{4}|\[\^?\]?|\\?.)/s
  return shape.exec(rest)?.[0] ?? rest
}

function rewritten(token: string, isInClass: boolean, isDotAll: boolean): string {
  if (/^\\u[0-9a-fA-F]{4}$/.test(token)) return `\\x{${token.slice(2)}}`
  if (token === '\\s') return isInClass ? blanks : `[${blanks}]`
  if (isInClass) return token
  if (token === '\\S') return `[^${blanks}]`
  return token === '.' && !isDotAll ? anyButLineEnds : token
}
