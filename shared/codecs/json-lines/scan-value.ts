/*
 * Reads of JSON (RFC 8259) what JSON.parse takes and no more. A record ends with a line feed, which no value holds, so no
 * scan needs to look where the bytes end. Each gives the offset behind what it read, or ~offset of the byte that is wrong.
 */

export const lineFeed = 0x0a
export const quote = 0x22
export const comma = 0x2c
export const colon = 0x3a
export const backslash = 0x5c
export const openBracket = 0x5b
export const closeBracket = 0x5d
export const openBrace = 0x7b
export const closeBrace = 0x7d
const minus = 0x2d
const point = 0x2e
const zero = 0x30
const nine = 0x39
const letterU = 0x75

/** A stack of calls holds some thousands; COPY's own JSON parser gives up at about as many. */
const maxDepth = 1000

/** What ends a run of plain bytes within a string: `"`, `\` and control characters. */
export const endsPlain = new Uint8Array(256)
endsPlain.fill(1, 0, 0x20)
endsPlain[quote] = 1
endsPlain[backslash] = 1

const escapable = new Uint8Array(256)
for (const sign of '"\\/bfnrt') escapable[sign.charCodeAt(0)] = 1
const hexadecimal = new Uint8Array(256)
for (const sign of '0123456789abcdefABCDEF') hexadecimal[sign.charCodeAt(0)] = 1

/** Behind blanks. A line feed is none: it ends the record. */
export function scanBlanks(bytes: Buffer, at: number): number {
  let next = at
  while (bytes[next] === 0x20 || bytes[next] === 0x09 || bytes[next] === 0x0d) next += 1
  return next
}

/** The rest of a string, from any byte within it. @returns behind its closing quote */
export function scanString(bytes: Buffer, at: number): number {
  let next = at
  for (;;) {
    while (endsPlain[bytes[next] as number] === 0) next += 1
    if (bytes[next] === quote) return next + 1
    if (bytes[next] !== backslash) return ~next
    const sign = bytes[next + 1] as number
    if (escapable[sign] === 1) next += 2
    else if (sign === letterU && isHex(bytes, next + 2)) next += 6
    else return ~next
  }
}

const isHex = (bytes: Buffer, at: number): boolean =>
  hexadecimal[bytes[at] as number] === 1 &&
  hexadecimal[bytes[at + 1] as number] === 1 &&
  hexadecimal[bytes[at + 2] as number] === 1 &&
  hexadecimal[bytes[at + 3] as number] === 1

export function scanNumber(bytes: Buffer, at: number): number {
  let next = bytes[at] === minus ? at + 1 : at
  if (bytes[next] === zero) next += 1
  else {
    next = scanDigits(bytes, next)
    if (next < 0) return next
  }
  if (bytes[next] === point) {
    next = scanDigits(bytes, next + 1)
    if (next < 0) return next
  }
  const byte = bytes[next] as number
  if ((byte | 0x20) !== 0x65) return next
  const sign = bytes[next + 1]
  return scanDigits(bytes, sign === 0x2b || sign === minus ? next + 2 : next + 1)
}

/** At least one. */
function scanDigits(bytes: Buffer, at: number): number {
  let next = at
  while ((bytes[next] as number) >= zero && (bytes[next] as number) <= nine) next += 1
  return next === at ? ~at : next
}

/** `true`, `false` or `null`. */
export function scanLiteral(bytes: Buffer, at: number): number {
  const first = bytes[at]
  if (first === 0x74) return isWord(bytes, at + 1, 0x72, 0x75, 0x65) ? at + 4 : ~at
  if (first === 0x6e) return isWord(bytes, at + 1, 0x75, 0x6c, 0x6c) ? at + 4 : ~at
  return first === 0x66 && isWord(bytes, at + 1, 0x61, 0x6c, 0x73) && bytes[at + 4] === 0x65 ? at + 5 : ~at
}

const isWord = (bytes: Buffer, at: number, first: number, second: number, third: number): boolean =>
  bytes[at] === first && bytes[at + 1] === second && bytes[at + 2] === third

/** Any value, which begins at `at`. */
export function scanValue(bytes: Buffer, at: number, depth: number): number {
  const byte = bytes[at] as number
  if (byte === quote) return scanString(bytes, at + 1)
  if (byte === openBrace || byte === openBracket) return depth < maxDepth ? scanNested(bytes, at, depth + 1) : ~at
  return byte === minus || (byte >= zero && byte <= nine) ? scanNumber(bytes, at) : scanLiteral(bytes, at)
}

function scanNested(bytes: Buffer, start: number, depth: number): number {
  const isObject = bytes[start] === openBrace
  const close = isObject ? closeBrace : closeBracket
  let at = scanBlanks(bytes, start + 1)
  if (bytes[at] === close) return at + 1
  for (;;) {
    if (isObject) {
      if (bytes[at] !== quote) return ~at
      at = scanString(bytes, at + 1)
      if (at < 0) return at
      at = scanBlanks(bytes, at)
      if (bytes[at] !== colon) return ~at
      at = scanBlanks(bytes, at + 1)
    }
    at = scanValue(bytes, at, depth)
    if (at < 0) return at
    at = scanBlanks(bytes, at)
    if (bytes[at] === close) return at + 1
    if (bytes[at] !== comma) return ~at
    at = scanBlanks(bytes, at + 1)
  }
}
