import {
  type DateToken,
  dateTokens,
  type FormatPiece,
  nearestFormat,
  readFormat,
  tokensOf,
  writeDate,
} from './date-format.ts'
import type { RunDates } from './run-dates.ts'
import { addMonths, dayMs, dayOf, secondMs, type WallTime } from './wall-clock.ts'

/** A value, perhaps with a word of warning; or what is wrong, in a sentence that says what to write. */
export type DateValue = { readonly text: string; readonly warning: string | null } | { readonly fault: string }

/** The two families: `$[…]` is made from the scheduled time, `${…}` from the business date (dataworks-datax.md §5.2). */
export type DateFamily = 'scheduled' | 'business'

/** Longer than any date; no text of a megabyte is looked at. */
const maxCharacters = 100

/**
 * The value of what stands between the brackets of `$[…]` or the braces of `${…}`: a format, and what is added to the date
 * before it is written. In `$[…]` that is a number of days, with fractions as in Oracle (`-1/24`, `+7*2`), and whole months
 * through `add_months(format,N)`; in `${…}` whole units of the finest token.
 */
export function dateValue(family: DateFamily, expression: string, dates: RunDates): DateValue {
  if (expression.length > maxCharacters) return { fault: `a date has at most ${maxCharacters} characters` }
  const value = family === 'scheduled' ? scheduledValue(expression, dates) : businessValue(expression, dates)
  if (!('fault' in value)) return value
  const near = nearestForm(family, expression, dates)
  return near === null ? value : { fault: `${value.fault}; did you mean ${near}?` }
}

/** Whether a text is meant as a date, right or wrong: some tokens in any case, and no letters besides. */
export function looksDated(expression: string): boolean {
  const shown = expression.slice(0, maxCharacters)
  const rest = shown.replaceAll(/add_months|yyyy|yy|mm|dd|hh24|hh12|hh|mi|ss|%[ymdhis]/gi, '')
  return rest.length < shown.length && !/[a-z]/i.test(rest)
}

const known = `known are ${dateTokens.join(', ')}, in lower case`
const wrapped = (family: DateFamily, text: string) => (family === 'scheduled' ? `$[${text}]` : `$\{${text}}`)

interface Parts {
  readonly format: readonly FormatPiece[]
  readonly tokens: readonly DateToken[]
  /** Behind the format: empty, or a sign and more. */
  readonly rest: string
}

function partsOf(text: string): Parts | { readonly fault: string } {
  const read = readFormat(text)
  if ('stranger' in read) {
    const { stranger } = read
    if (/^\s*add/i.test(text)) return { fault: 'add_months stands first and takes a format and a whole number' }
    return { fault: `"${stranger}" is no part of a date; ${known}; other text goes outside` }
  }
  const tokens = tokensOf(read.format)
  if (tokens.length === 0) return { fault: `holds no part of a date; ${known}` }
  return { format: read.format, tokens, rest: text.slice(read.end) }
}

function scheduledValue(expression: string, { scheduled }: RunDates): DateValue {
  const [, inner, count, behind = ''] = /^\s*add_months\(([^()]*),([^()]*)\)(.*)$/s.exec(expression) ?? []
  if (inner !== undefined && count !== undefined) return monthsValue(inner.trim(), count, behind, scheduled)
  const parts = partsOf(expression)
  if ('fault' in parts) return parts
  const shiftMs = shiftOf(parts.rest)
  if (typeof shiftMs === 'string') return { fault: shiftMs }
  return written(parts.format, scheduled + shiftMs, warningOf(parts, expression))
}

/** Months first, then days (dataworks-datax.md §5.2). */
function monthsValue(inner: string, count: string, behind: string, scheduled: WallTime): DateValue {
  const parts = partsOf(inner)
  if ('fault' in parts) return parts
  if (parts.rest !== '') return { fault: 'what is added to the days stands behind add_months(…), not in its format' }
  const months = wholeOf(count)
  if (months === null) return { fault: `add_months takes a whole number such as -1 or 12*-1, not "${count.trim()}"` }
  const shiftMs = shiftOf(behind)
  if (typeof shiftMs === 'string') return { fault: shiftMs }
  if (Math.abs(months) > maxYears * 12) return outOfRange
  return written(parts.format, addMonths(scheduled, months) + shiftMs, warningOf({ ...parts, rest: '' }, inner))
}

const timeTokens: readonly DateToken[] = ['hh24', 'hh12', 'mi', 'ss']

function businessValue(expression: string, { business }: RunDates): DateValue {
  if (/^\s*add_months/i.test(expression))
    return { fault: 'add_months belongs to the scheduled time; write $[add_months(…)], or ${yyyymm-1}' }
  const parts = partsOf(expression)
  if ('fault' in parts) return parts
  const time = parts.tokens.find((token) => timeTokens.includes(token))
  if (time !== undefined)
    return { fault: `a business date has no ${time}: braces go down to a day, brackets ($[…]) to a second` }
  const whole = parts.rest === '' ? 0 : wholeOf(parts.rest)
  if (whole === null)
    return {
      fault: `in braces whole units are added, such as -1 or +7*2, not "${parts.rest.trim()}"; fractions go into $[…]`,
    }
  if (Math.abs(whole) > maxYears * 366) return outOfRange
  return written(parts.format, movedBusinessDate(business, parts.tokens, whole), null)
}

/** The unit is that of the finest token: `${yyyymm-1}` is the month before, whatever the day. */
function movedBusinessDate(business: WallTime, tokens: readonly DateToken[], count: number): WallTime {
  if (tokens.includes('dd')) return business + count * dayMs
  const date = new Date(business)
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  if (count === 0) return business
  return tokens.includes('mm') ? dayOf(year, month + count, 1) : dayOf(year + count, 0, 1)
}

const maxYears = 9999
const outOfRange = { fault: 'the date lies outside the years 1 to 9999' }

function written(format: readonly FormatPiece[], wall: WallTime, warning: string | null): DateValue {
  if (wall < dayOf(1, 0, 1) || wall >= dayOf(10_000, 0, 1) || !Number.isFinite(wall)) return outOfRange
  return { text: writeDate(format, wall), warning }
}

/** `-1`, `+7*2`, `12*-1`; null when it is no whole number. */
function wholeOf(text: string): number | null {
  if (!/^\s*[+-]?\s*\d{1,9}(\s*\*\s*[+-]?\s*\d{1,9})*\s*$/.test(text)) return null
  return text
    .replaceAll(/\s/g, '')
    .split('*')
    .reduce((product, factor) => product * Number(factor), 1)
}

/** Days as DataWorks writes them, in ms: signed terms of factors and divisors. A text says what is wrong. */
function shiftOf(text: string): number | string {
  const term = /\s*([+-])\s*(\d{1,9}(?:\s*[*/]\s*\d{1,9})*)\s*/y
  let shiftMs = 0
  for (let at = 0; at < text.length; at = term.lastIndex) {
    term.lastIndex = at
    const [, sign, product] = term.exec(text) ?? []
    if (product === undefined)
      return `"${text.slice(at).trim()}" is not a number of days; write one such as -1, +7*2, -1/24 (an hour) or -15/24/60 (15 minutes)`
    const days = daysOf(product)
    if (days === null) return `"${product}" divides by zero`
    shiftMs += (sign === '-' ? -1 : 1) * days
  }
  return shiftMs
}

/** Factors before divisors, so that `1/24/60` is a minute exactly; to the nearest second, as Oracle adds days. */
function daysOf(product: string): number | null {
  const [first = '', ...more] = product.replaceAll(/\s/g, '').split(/(?=[*/])/)
  const of = (sign: string) => more.filter((one) => one[0] === sign).map((one) => Number(one.slice(1)))
  const divisor = of('/').reduce((a, b) => a * b, 1)
  if (divisor === 0) return null
  const seconds = of('*').reduce((a, b) => a * b, Number(first) * (dayMs / secondMs)) / divisor
  return Math.round(seconds) * secondMs
}

/** Grammar and habit differ here: what is written is done, and told. */
function warningOf({ tokens, rest }: Parts, format: string): string | null {
  if (/hh(24|12)[^a-z]*mm|mm[^a-z]*ss/.test(format)) return 'mm is the month here; minutes are mi'
  if (rest !== '' && !tokens.some((token) => token === 'dd' || timeTokens.includes(token)))
    return 'brackets add days, so this is the month of another day; for months write $[add_months(…)]'
  return null
}

/** The form in place of a wrong one that has a value; null when none is near. */
function nearestForm(family: DateFamily, expression: string, dates: RunDates): string | null {
  const text = nearestFormat(expression)
  const other = family === 'business' ? 'scheduled' : 'business'
  for (const [near, form] of [
    [family, text],
    [other, text],
  ] as const) {
    if (near === family && form === expression) continue
    const value = near === 'scheduled' ? scheduledValue(form, dates) : businessValue(form, dates)
    if ('text' in value && value.warning === null) return wrapped(near, form)
  }
  return null
}
