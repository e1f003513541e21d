import * as z from 'zod'

/** A range of whole records of one version of an object: all that a loader needs to know. */
export const ObjectSlice = z.object({
  key: z.string().min(1),
  etag: z.string().min(1),
  size: z.number().int().min(0),
  start: z.number().int().min(0),
  end: z.number().int().min(0),
  /** Counted from 1, header left out. */
  firstRecord: z.number().int().min(1),
  records: z.number().int().min(0),
  /** The byte that ends records. */
  newline: z.number().int(),
  /** Fields of the first record of the object; null when it is longer than what was looked at. */
  fields: z.number().int().min(1).nullable(),
})
export type ObjectSlice = z.infer<typeof ObjectSlice>
