import type { WallTime } from './wall-clock.ts'

export const dateTokens = ['yyyy', 'yy', 'mm', 'dd', 'hh24', 'hh12', 'mi', 'ss'] as const
export type DateToken = (typeof dateTokens)[number]

/** A token, or text that stands as it is. */
export type FormatPiece = { readonly token: DateToken } | { readonly text: string }

const padded = (value: number, width = 2) => String(value).padStart(width, '0')

const writers: Record<DateToken, (date: Date) => string> = {
  yyyy: (date) => padded(date.getUTCFullYear(), 4),
  yy: (date) => padded(date.getUTCFullYear() % 100),
  mm: (date) => padded(date.getUTCMonth() + 1),
  dd: (date) => padded(date.getUTCDate()),
  hh24: (date) => padded(date.getUTCHours()),
  hh12: (date) => padded(date.getUTCHours() % 12 || 12),
  mi: (date) => padded(date.getUTCMinutes()),
  ss: (date) => padded(date.getUTCSeconds()),
}

export function writeDate(format: readonly FormatPiece[], wall: WallTime): string {
  const date = new Date(wall)
  return format.map((piece) => ('text' in piece ? piece.text : writers[piece.token](date))).join('')
}

const tokenAt = new RegExp(`(${dateTokens.join('|')})`, 'y')
/** ASCII letters and digits are tokens or mistakes; `-`, `:`, `/`, blanks and `年` stand between them. */
const separatorAt = /[^A-Za-z0-9${}[\]()]/uy

/** Letters up to where a token begins, digits, or one sign. */
const strangerAt = new RegExp(`^(?:[A-Za-z]+?(?=${dateTokens.join('|')}|[^A-Za-z]|$)|\\d+|.)`, 'su')

/**
 * Reads a format from the start of `text` up to a sign with a number, or to the end.
 * @returns where the arithmetic begins; or what is no part of a format
 */
export function readFormat(text: string): { format: FormatPiece[]; end: number } | { stranger: string } {
  const format: FormatPiece[] = []
  let at = 0
  while (at < text.length && !/^\s*[+-]\s*\d/.test(text.slice(at))) {
    tokenAt.lastIndex = at
    separatorAt.lastIndex = at
    const token = tokenAt.exec(text)?.[0] as DateToken | undefined
    const piece = token ?? separatorAt.exec(text)?.[0]
    if (piece === undefined) return { stranger: strangerAt.exec(text.slice(at))?.[0] ?? '' }
    format.push(token === undefined ? { text: piece } : { token })
    at += piece.length
  }
  return { format, end: at }
}

export const tokensOf = (format: readonly FormatPiece[]): DateToken[] =>
  format.flatMap((piece) => ('token' in piece ? [piece.token] : []))

/**
 * What somebody probably meant who wrote another language's date format: Java's `yyyyMMddHHmmss`, Oracle's `YYYY`, or
 * `strftime`'s `%Y%m%d`. The answer need not be a format either.
 */
export function nearestFormat(text: string): string {
  const strftime: Readonly<Record<string, string>> = {
    Y: 'yyyy',
    y: 'yy',
    m: 'mm',
    d: 'dd',
    H: 'hh24',
    I: 'hh12',
    M: 'mi',
    S: 'ss',
  }
  const named = text.replaceAll(/%([YymdHIMS])/g, (_, letter: string) => strftime[letter] ?? '')
  const isJava = /MM/.test(named) && /[ydhs]/.test(named)
  const java = isJava ? named.replaceAll('mm', 'mi').replaceAll('MM', 'mm') : named
  return java
    .toLowerCase()
    .replaceAll(/hh(?!24|12)/g, 'hh24')
    .replaceAll(/(?<=hh(?:24|12):?)mm/g, 'mi')
    .replace(/^\s*add_?months?/, 'add_months')
}
