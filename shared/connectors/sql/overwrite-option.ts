import * as z from 'zod'
import { foldedNames } from '../options/fields.ts'

const inner = { partition: z.string().trim().min(1), where: z.string().trim().min(1) } as const

/** The words of a script; `false` and "" are those of one that leaves the option out. */
function read(value: unknown): unknown {
  const given = typeof value === 'string' ? value.trim().toLowerCase() : value
  if (given === '' || given === null || given === false || given === 'false') return undefined
  if (given === true || given === 'true') return 'table'
  return typeof given === 'string' ? given : foldedNames(Object.keys(inner))(given)
}

const allowed = 'must be "table" (or true), {"partition": "name"} or {"where": "condition"}'

export const overwriteOption = () =>
  z
    .preprocess(
      read,
      z
        .union(
          [
            z.enum(['table']).meta({ enum: ['table', true, false], type: ['string', 'boolean'] }),
            z.strictObject({
              partition: inner.partition.describe('A partition by its name, or by that of its table.'),
            }),
            z.strictObject({
              where: inner.where.describe('A condition in SQL, with the rights of the datasource.'),
            }),
          ],
          { error: allowed },
        )
        .optional(),
    )
    .meta({
      description:
        'The rows of the run replace others in one transaction: "table" (or true) all rows, {"partition": "p2026"} those of a partition, {"where": "day = \'20260101\'"} those that meet a condition (SQL of the author, over columns that are loaded). Implies atomic. Our own option.',
      examples: ['table', { partition: 'p2026' }, { where: "day = '${bizdate}'" }],
    })
