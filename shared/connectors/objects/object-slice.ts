import * as z from 'zod'

/** A range of whole records of one version of an object: all that a loader needs to know. */
export const ObjectSlice = z.object({
  key: z.string().min(1),
  etag: z.string().min(1),
  size: z.number().int().min(0),
  start: z.number().int().min(0),
  end: z.number().int().min(0),
  /** Counted from 1, header left out; where records were not counted, from the start of the range. */
  firstRecord: z.number().int().min(1),
  /** null: the object was cut without being read (cut-unscanned.ts). */
  records: z.number().int().min(0).nullable(),
  /**
   * Of a file that was cut at guesses (cut-guessed.ts): whether `start` is one, or known from where the range before has
   * ended, and `firstRecord` with it. Absent: every range begins where a record does.
   */
  begins: z.enum(['guessed', 'known']).optional(),
  /** The byte that ends records: in an array of JSON a comma, of those between its elements. */
  newline: z.number().int(),
  /** A carriage return stands before it: COPY takes one style of line ends at a time. */
  crlf: z.boolean().default(false),
  /** Fields of the first record of the object; null when it is longer than what was looked at. */
  fields: z.number().int().min(1).nullable(),
  /** Columns that are taken by name, as their places among those of the object, from 0: `3,0,0`. Absent: all, in order. */
  pick: z
    .string()
    .regex(/^\d+(,\d+)*$/)
    .optional(),
  /** Keys of JSON that are taken, as a JSON list in the order of the columns. Absent: those of the reader's own list. */
  keys: z.string().optional(),
})
export type ObjectSlice = z.infer<typeof ObjectSlice>

/** Before it is known which of its columns are taken. */
export type ObjectRange = Omit<ObjectSlice, 'pick' | 'keys' | 'begins'> & { readonly begins?: 'guessed' | 'known' }
