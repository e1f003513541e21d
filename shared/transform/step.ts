import * as z from 'zod'

/** Java's `int`, in which DataX keeps places and lengths. */
const maxInteger = 2 ** 31 - 1
/** Longer values would be made of a few bytes of a job, for each of its records. */
const maxPaddedUnits = 100_000

const column = z.number().int().min(0).describe('The column of the reader, from 0.')
const place = z.number().int().min(0).max(maxInteger)
const start = place.describe('Where it begins, in UTF-16 units from 0.')

const Substr = z.strictObject({
  do: z.literal('substr').describe('Keeps a part of a text (dx_substr).'),
  column,
  start,
  length: place.describe('Units that are kept.'),
})

const Pad = z.strictObject({
  do: z.literal('pad').describe('Makes a text as long as asked, or cuts it to that (dx_pad).'),
  column,
  side: z.enum(['left', 'right']).describe('Where it grows; it is cut on the right in either case.'),
  length: z.number().int().min(0).max(maxPaddedUnits).describe('Length of the result in UTF-16 units.'),
  with: z.string().min(1).describe('What is repeated.'),
})

const Replace = z.strictObject({
  do: z.literal('replace').describe('Puts a text in the place of a part (dx_replace).'),
  column,
  start,
  length: place.describe('Units that are replaced.'),
  with: z.string().describe('What takes their place.'),
})

const operators = ['like', 'not like', '>', '<', '=', '!=', '>=', '<='] as const

const Filter = z.strictObject({
  do: z.literal('filter').describe('Leaves out each record that matches (dx_filter).'),
  column,
  when: z
    .enum(operators)
    .describe(
      '`like`: a regular expression of the whole value. Others compare numbers, dates in milliseconds, or texts.',
    ),
  value: z.string().min(1).describe('What the value is compared with.'),
})

const Digest = z.strictObject({
  do: z.literal('digest').describe('Puts the digest of a text in its place (dx_digest).'),
  column,
  algorithm: z.enum(['md5', 'sha1']).describe('Of the UTF-8 bytes.'),
  letters: z.enum(['lower', 'upper']).default('lower').describe('Case of the hexadecimal digits.'),
})

/** One change of each record, in the order of the list (dataworks-datax.md §4.5). */
export const TransformStep = z.discriminatedUnion('do', [Substr, Pad, Replace, Filter, Digest])
export type TransformStep = z.infer<typeof TransformStep>

export type StepOf<D extends TransformStep['do']> = Extract<TransformStep, { do: D }>
