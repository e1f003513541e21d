import * as z from 'zod'
import type { Path } from './fault.ts'

/** The parameters an options schema knows, whatever preprocessing and checks stand around its object; none if it is no object. */
export const optionNames = (schema: z.ZodType): string[] => optionNamesWithin(schema)([])

/** The names known at a place within the options, `[]` for the parameters themselves. The schema is read once. */
export function optionNamesWithin(schema: z.ZodType): (path: Path) => string[] {
  const root = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' })
  return (path) => Object.keys(objectAt(root, path)?.properties ?? {})
}

type JsonSchema = z.core.JSONSchema.BaseSchema

/** Alternatives are looked into in their order: the first that has an object at the place is the one. */
function objectAt(schema: unknown, path: Path): JsonSchema | null {
  if (typeof schema !== 'object' || schema === null) return null
  const { properties, items, anyOf }: JsonSchema = { ...schema }
  const [step, ...rest] = path
  if (step === undefined && properties !== undefined) return { ...schema }
  const inner = typeof step === 'number' ? objectAt(items, rest) : null
  const named = typeof step === 'string' ? objectAt(properties?.[step], rest) : null
  const other = () => (anyOf ?? []).map((one) => objectAt(one, path)).find((one) => one !== null)
  return inner ?? named ?? other() ?? null
}
