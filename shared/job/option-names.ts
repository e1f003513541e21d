import * as z from 'zod'
import { memberAt } from '../errors/index.ts'
import type { Path } from './fault.ts'
import { isScriptObject } from './members.ts'

/** The parameters an options schema knows, whatever preprocessing and checks stand around its object; none if it is no object. */
export const optionNames = (schema: z.ZodType): string[] => optionNamesWithin(schema)([])

/** What a schema says never changes, and to write one of a connector down takes 2 ms: a job has four, and each object a job. */
const read = new WeakMap<z.ZodType, unknown>()

function rootOf(schema: z.ZodType): unknown {
  const root = read.get(schema) ?? z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' })
  read.set(schema, root)
  return root
}

/**
 * The names known at a place within the options, `[]` for the parameters themselves.
 * @param checked of alternatives that a member tells apart (`type`, `every`, `do`), those it is one of count
 */
export function optionNamesWithin(schema: z.ZodType, checked: unknown = undefined): (path: Path) => string[] {
  return (path) => [...new Set(namesAt(rootOf(schema), path, memberAt(checked, path)))]
}

type JsonSchema = z.core.JSONSchema.BaseSchema

function namesAt(schema: unknown, path: Path, value: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { properties = {}, items, anyOf = [], oneOf = [] }: JsonSchema = { ...schema }
  const [step, ...rest] = path
  const own =
    step === undefined
      ? agrees(properties, value)
        ? Object.keys(properties)
        : []
      : namesAt(typeof step === 'number' ? items : properties[step], rest, value)
  return [...own, ...[...anyOf, ...oneOf].flatMap((one) => namesAt(one, path, value))]
}

/** A value that says of what kind it is has the names of that kind alone. */
function agrees(properties: Readonly<Record<string, unknown>>, value: unknown): boolean {
  if (!isScriptObject(value)) return true
  return Object.entries(properties).every(([name, property]) => {
    const { const: only }: JsonSchema = { ...(isScriptObject(property) ? property : {}) }
    return only === undefined || value[name] === undefined || value[name] === only
  })
}
