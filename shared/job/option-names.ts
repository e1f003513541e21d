import * as z from 'zod'

/** The parameters an options schema knows, whatever preprocessing and checks stand around its object; none if it is no object. */
export function optionNames(schema: z.ZodType): string[] {
  const { properties } = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' })
  return Object.keys(properties ?? {})
}
