import { changesText } from './copy-fields.ts'
import type { Conversion } from './field-types.ts'

/** How a field is looked at; `whole`: none of its values stays as it is. */
const look = { none: 0, each: 1, first: 2, whole: 3 } as const

const looks: Readonly<Record<Conversion | 'float', number>> = {
  'as it is': look.none,
  text: look.each,
  date: look.first,
  instant: look.whole,
  bytes: look.whole,
  bits: look.whole,
  flag: look.whole,
  float: look.whole,
  geometry: look.whole,
}

/** Finds where those fields end, from the field `index` on, whose length is at `from`, that need no change. */
export type FindUnchanged = (row: Buffer, from: number, index: number) => number

/**
 * A row of the protocol is a length and a value, field by field. Of up to 250 bytes the length is one byte, as is the tab of
 * COPY text: so most rows are that text already, but for their lengths, and are copied whole. That takes 2.7 CPU-seconds a GB,
 * field by field it was 3.7.
 */
export function findUnchangedOf(conversions: readonly (Conversion | 'float')[]): FindUnchanged {
  const lookOf = Uint8Array.from(conversions, (conversion) => looks[conversion])
  return (row, from, index) => {
    let at = from
    for (let next = index; next < lookOf.length; next += 1) {
      const length = row[at] as number
      if (length > longest) return at
      const end = at + 1 + length
      const how = lookOf[next]
      if (how === look.whole) return at
      // Only a zero date, or a year below 1000, begins with a zero.
      if (how === look.first && row[at + 1] === 0x30) return at
      if (how === look.each) {
        for (let read = at + 1; read < end; read += 1) if (changesText[row[read] as number] !== 0) return at
      }
      at = end
    }
    return at
  }
}

/** What is larger in the place of a length is a mark: of NULL, or of a longer length behind it. */
const longest = 250
