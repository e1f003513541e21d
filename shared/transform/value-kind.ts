import type { Column } from '../schema/index.ts'

/** What DataX would have made of a column, as far as `dx_filter` and the texts of values depend on it. */
export type ValueKind = 'whole' | 'number' | 'date' | 'boolean' | 'text'

const kinds: readonly (readonly [RegExp, ValueKind])[] = [
  [/^(tiny|small|medium|big)?int(eger)?( unsigned)?$|^int[248]$|^(small|big)?serial$/, 'whole'],
  [/^(double|real|float|decimal|numeric|double precision|float[48])( unsigned)?$/, 'number'],
  [/^(date|datetime|timestamp|time|timestamptz|timetz)( with(out)? time zone)?$/, 'date'],
  [/^bool(ean)?$/, 'boolean'],
]

/** By the name that the source prints, with or without a size (dataworks-datax.md §4.3). What is not known is text. */
export function kindOf({ type }: Pick<Column, 'type'>): ValueKind {
  const plain = type
    .toLowerCase()
    .replaceAll(/\([^)]*\)/g, '')
    .replaceAll(/ (zerofill|signed)\b/g, '')
    .trim()
  return kinds.find(([pattern]) => pattern.test(plain.replaceAll(/\s+/g, ' ')))?.[1] ?? 'text'
}

/** As a step that works on texts sees it: DataX says true and false where PostgreSQL prints t and f. */
export function textOf(value: string | null, kind: ValueKind): string | null {
  if (kind !== 'boolean') return value
  return value === 't' ? 'true' : value === 'f' ? 'false' : value
}
