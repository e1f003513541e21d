import * as z from 'zod'

/** Row groups of one version of a Parquet file, or what is left of them. */
export const ParquetSlice = z.object({
  format: z.literal('parquet'),
  key: z.string().min(1),
  etag: z.string().min(1),
  size: z.number().int().min(12),
  /** Before the tail of 8 bytes. */
  footerBytes: z.number().int().min(1),
  firstGroup: z.number().int().min(0),
  groups: z.number().int().min(1),
  /** Records of these groups that were taken before. */
  skip: z.number().int().min(0),
  /** In the file, counted from 1. */
  firstRecord: z.number().int().min(1),
  records: z.number().int().min(0),
  /** Where the wanted columns of these groups lie, for people. */
  start: z.number().int().min(0),
  end: z.number().int().min(0),
  /** Columns that are taken by name, as their places among those of `column`, from 0: `3,0,0`. Absent: all, in order. */
  pick: z
    .string()
    .regex(/^\d+(,\d+)*$/)
    .optional(),
})
export type ParquetSlice = z.infer<typeof ParquetSlice>
