import type { JsonSchema } from './connector-options.ts'

type Type = 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'null'

/** What the parser takes for each type beside it: numbers and switches as texts, one text for a list, `""` and null for unset. */
const alsoTaken: Readonly<Record<Type, readonly Type[]>> = {
  string: ['string', 'number', 'boolean', 'null'],
  number: ['number', 'string', 'null'],
  integer: ['integer', 'string', 'null'],
  boolean: ['boolean', 'string', 'null'],
  array: ['array', 'string', 'number', 'null'],
  object: ['object', 'string', 'null'],
  null: ['null'],
}

/**
 * The schema of an option as scripts may write it. The length of a text is left out, because `\t` may be spelled out in two
 * characters; what is required is asked by the parser, which knows what may stand elsewhere.
 */
export function lenient(schema: JsonSchema): JsonSchema {
  const { $schema: _, required: _required, minLength: _min, maxLength: _max, type, ...rest } = schema
  if (schema.enum !== undefined || schema.const !== undefined) return lenientChoice({ ...rest, ...(type && { type }) })
  const types = [type ?? []].flat() as Type[]
  const taken = [...new Set(types.flatMap((one) => alsoTaken[one]))]
  return {
    ...rest,
    ...(taken.length === 0 ? {} : { type: taken as Type[] }),
    ...(schema.anyOf && { anyOf: schema.anyOf.map(asLenient) }),
    ...(isSchema(schema.items) && { items: asLenient(schema.items) }),
    ...(schema.properties && {
      properties: Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, asLenient(one)])),
    }),
  }
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const asLenient = (schema: unknown): JsonSchema => (isSchema(schema) ? lenient(schema) : {})

/** The values stay what an editor proposes. */
function lenientChoice({ description, default: otherwise, ...choice }: JsonSchema): JsonSchema {
  return {
    ...(description === undefined ? {} : { description }),
    ...(otherwise === undefined ? {} : { default: otherwise }),
    anyOf: [choice, { enum: ['', null] }],
  }
}
