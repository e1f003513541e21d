/** Whether bytes are, beyond doubt, a value of a type as COPY reads it. The other way round it says nothing. */
export type IsPlain = (bytes: Uint8Array, start: number, end: number) => boolean

/**
 * Shallow on purpose: it only tells which records are worth a look of their own before many are sent together
 * (run/screen.ts), and the server decides. Values in the forms that programs write are plain; `1e5` or `yesterday` is not.
 * @param type as the server prints it: `numeric(12,2)`
 * @returns null for a type of which nothing is known
 */
export function plainValueOf(type: string): IsPlain | null {
  const [, name = '', first, second] =
    /^([a-z ]+?)(?:\((\d+)(?:,(-?\d+))?\))?(?: with(?:out)? time zone)?$/.exec(type) ?? []
  const [precision, scale] = [Number(first ?? Number.NaN), Number(second ?? 0)]
  switch (name) {
    case 'smallint':
      return isInteger(4)
    case 'integer':
      return isInteger(9)
    case 'bigint':
      return isInteger(18)
    case 'numeric':
      return Number.isNaN(precision) ? isDecimal(1000, 1000) : isDecimal(precision - scale, scale)
    case 'real':
    case 'double precision':
      return isDecimal(30, 300)
    case 'date':
      return (bytes, start, end) => end - start === 10 && isDate(bytes, start)
    case 'timestamp':
      return isTimestamp
    case 'boolean':
      return (bytes, start, end) => booleans.has(textOf(bytes, start, end))
    case 'uuid':
      return (bytes, start, end) => uuid.test(textOf(bytes, start, end))
    case 'character varying':
      return Number.isNaN(precision) ? null : (_, start, end) => end - start <= precision
    case 'character':
      return Number.isNaN(precision) ? null : (_, start, end) => end - start <= precision
    default:
      return null
  }
}

const booleans = new Set(['t', 'f', 'true', 'false', '1', '0', 'y', 'n', 'yes', 'no', 'on', 'off'])
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const longestText = 64

const textOf = (bytes: Uint8Array, start: number, end: number) =>
  end - start > longestText ? '' : Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')

const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39

function afterSign(bytes: Uint8Array, start: number): number {
  return bytes[start] === 0x2d || bytes[start] === 0x2b ? start + 1 : start
}

function isInteger(maxDigits: number): IsPlain {
  return (bytes, start, end) => {
    const first = afterSign(bytes, start)
    if (first === end || end - first > maxDigits) return false
    for (let at = first; at < end; at += 1) if (!isDigit(bytes[at])) return false
    return true
  }
}

const dot = 0x2e

/** @param maxWhole digits before the point; rounded at `scale`, a number may gain one */
function isDecimal(maxWhole: number, scale: number): IsPlain {
  return (bytes, start, end) => {
    const first = afterSign(bytes, start)
    let point = -1
    for (let at = first; at < end; at += 1) {
      if (bytes[at] === dot && point === -1) point = at
      else if (!isDigit(bytes[at])) return false
    }
    const whole = (point === -1 ? end : point) - first
    const digits = end - first - (point === -1 ? 0 : 1)
    return digits > 0 && whole <= (digits - whole > scale ? maxWhole - 1 : maxWhole)
  }
}

const daysOf = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

function isDate(bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < 10; at += 1) {
    const isDash = at === 4 || at === 7
    if (isDash ? bytes[start + at] !== 0x2d : !isDigit(bytes[start + at])) return false
  }
  const month = twoDigits(bytes, start + 5)
  const day = twoDigits(bytes, start + 8)
  const isYearZero = [0, 1, 2, 3].every((at) => bytes[start + at] === 0x30)
  return !isYearZero && day > 0 && day <= (daysOf[month] ?? 0)
}

const twoDigits = (bytes: Uint8Array, at: number) => 10 * ((bytes[at] ?? 0) - 0x30) + ((bytes[at + 1] ?? 0) - 0x30)

const time = /^[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?$/

function isTimestamp(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 10 || !isDate(bytes, start)) return false
  return end - start === 10 || time.test(textOf(bytes, start + 10, end))
}
