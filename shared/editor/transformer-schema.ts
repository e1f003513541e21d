import type { JsonSchema } from './connector-options.ts'

/** What each transformer of DataX takes in `paras` (dataworks-datax.md §4.5), for people who write it by hand. */
const paras: Readonly<Record<string, readonly [string, ...string[]]>> = {
  dx_substr: ['from, in UTF-16 units from 0', 'length'],
  dx_pad: ['l or r', 'length', 'what is repeated'],
  dx_replace: ['from, in UTF-16 units from 0', 'length', 'what takes its place'],
  dx_filter: ['like, not like, >, <, =, !=, >= or <=: a record that matches is left out', 'value'],
  dx_digest: ['md5 or sha1', 'toUpperCase or toLowerCase'],
}

export const transformerSchema: JsonSchema = {
  description: 'Changes of each record between reader and writer, in order.',
  type: 'array',
  items: {
    type: 'object',
    required: ['name', 'parameter'],
    properties: { name: { enum: Object.keys(paras) }, parameter: { type: 'object' } },
    additionalProperties: false,
    allOf: Object.entries(paras).map(([name, meanings]) => ({
      if: { properties: { name: { const: name } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { parameter: parameterOf(meanings) } },
    })),
  },
}

function parameterOf(meanings: readonly string[]): JsonSchema {
  return {
    type: 'object',
    required: ['columnIndex', 'paras'],
    properties: {
      columnIndex: { type: ['integer', 'string'], description: 'The column of the reader, from 0.' },
      paras: {
        type: 'array',
        minItems: meanings.length,
        maxItems: meanings.length,
        items: meanings.map((description): JsonSchema => ({ type: ['string', 'number'], description })),
      },
      context: {},
    },
    additionalProperties: false,
  }
}
