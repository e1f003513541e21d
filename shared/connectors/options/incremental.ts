import * as z from 'zod'
import { foldedNames, optionalText, unsupportedIssue } from './fields.ts'

const names = ['column', 'from', 'delay', 'timeZone'] as const

const unitSeconds = { second: 1, minute: 60, hour: 3600, day: 86_400 } as const
const delayShape = /^\s*(\d{1,9})\s*(s|m|h|d|second|minute|hour|day)s?\s*$/i

/** `5 minutes`, `90s`: as seconds. null: it is no such text. */
export function secondsOf(delay: string): number | null {
  const found = delayShape.exec(delay)
  if (found?.[1] === undefined || found[2] === undefined) return null
  const letter = found[2][0]?.toLowerCase()
  const unit = Object.entries(unitSeconds).find(([name]) => name[0] === letter)
  return unit === undefined ? null : Number(found[1]) * unit[1]
}

/**
 * Reading on from where the last run of the job came to. A run reads `column` > mark and <= the largest value there is;
 * that value is the mark of the next.
 */
export const incrementalOption = () =>
  z
    .preprocess(
      foldedNames(names),
      z.strictObject({
        column: z.string().min(1).describe('Numbers, times or texts that grow with each new row.'),
        from: optionalText().describe('Where the first run begins, that value included; unset: with the smallest.'),
        delay: z
          .preprocess(
            (value) => (value === '' || value === null ? undefined : value),
            z
              .string()
              .refine(
                (text) => secondsOf(text) !== null,
                'is written as a number and a unit: "30 seconds", "5 minutes", "1 hour", "1 day"',
              )
              .optional(),
          )
          .describe('Rows younger than this are left to the next run: their neighbours may not be committed yet.'),
        timeZone: z
          .preprocess(
            (value) => (value === '' || value === null ? undefined : value),
            z
              .string()
              .regex(
                /^[+-](0\d|1[0-4]):[0-5]\d$/,
                'is the offset of the clocks that write the column, such as "+08:00"',
              )
              .optional(),
          )
          .describe('Of the clocks that write a column without a zone, for `delay`.'),
      }),
    )
    .optional()
    .describe(
      'Only rows that are new since the last run that succeeded, by a column that grows: `column`, and for the first run `from`. `delay` leaves the newest rows to the next run. docs/scheduling.md, "Incremental reading". Our own option.',
    )

/** An issue of a reader that is given both. */
export const besideQuery = {
  code: 'custom',
  message: 'reads a table: give table, column and where in the place of querySql, or make a view of the statement',
  params: unsupportedIssue,
} as const

export type IncrementalOption = NonNullable<z.infer<ReturnType<typeof incrementalOption>>>
