import * as z from 'zod'
import { JobDocument } from '../job/index.ts'
import { type EndOptions, everyEnd, type JsonSchema } from './connector-options.ts'
import { lenient } from './lenient.ts'
import { settingSchema } from './setting-schema.ts'
import { transformerSchema } from './transformer-schema.ts'

/**
 * The schema of a job for editors: of a job document, or of a bare script in either form. It knows the spelling that the
 * documentation uses; the parser takes more (names in any case, comments, forgotten commas).
 */
export async function jobSchema(): Promise<JsonSchema> {
  const ends = await everyEnd()
  const definitions = ends.map((end) => [definitionOf(end), parameterSchema(end)] as const)
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'A job of adbpg-sync',
    description: 'A job document, or a bare DataX or DataWorks script.',
    if: { required: ['script'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: documentSchema(),
    else: { $ref: '#/definitions/script' },
    definitions: {
      script: {
        description: 'A DataX job {"job": …} or a DataWorks script {"type": "job", "steps": …}.',
        if: { required: ['job'] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { $ref: '#/definitions/datax' },
        else: { $ref: '#/definitions/dataworks' },
      },
      datax: dataxSchema(ends),
      dataworks: dataworksSchema(ends),
      setting: settingSchema,
      ...Object.fromEntries(definitions),
    },
  }
}

const definitionOf = ({ kind, role }: EndOptions) => `${kind}-${role}`
const refTo = (end: EndOptions): JsonSchema => ({ $ref: `#/definitions/${definitionOf(end)}` })

function documentSchema(): JsonSchema {
  const {
    $schema: _,
    properties = {},
    ...schema
  } = z.toJSONSchema(JobDocument, { target: 'draft-7', io: 'input', unrepresentable: 'any' })
  // The line of the schedule panel, `dt=$bizdate hour=$[hh24]`, is taken as it stands (dataworks-datax.md §5).
  const parameters = {
    ...asSchema(properties.parameters),
    type: ['object', 'string'],
    additionalProperties: { type: ['string', 'number', 'boolean'] },
  }
  return {
    ...schema,
    required: ['script'],
    properties: {
      $schema: { type: 'string' },
      ...properties,
      parameters: parameters as JsonSchema,
      script: { $ref: '#/definitions/script' },
    },
  }
}

const asSchema = (value: unknown): JsonSchema => (typeof value === 'object' && value !== null ? { ...value } : {})

/** What is not known to a connector is a warning of the parser, and so it is in an editor. */
function parameterSchema(end: EndOptions): JsonSchema {
  const { title, role, options, connection, ignored } = end
  const known = { ...options, ...connection }
  const useless = (reason: string): JsonSchema => ({ description: `No effect: ${reason}.`, deprecated: true })
  return {
    description: `Parameters of the ${role} of ${title}.`,
    type: 'object',
    properties: {
      datasource: { type: 'string', description: 'The name of a registered datasource.' },
      connection: {
        description: 'Where DataX and some forms of DataWorks write address and table: one element.',
        ...oneOrListOf(refTo(end), 0),
      },
      ...mapped(known, lenient),
      ...mapped(ignored, useless),
    },
    additionalProperties: false,
  }
}

/** Told apart by what is there: of two alternatives, an editor would show the faults of both. */
const oneOrListOf = (schema: JsonSchema, minItems: number): JsonSchema => ({
  if: { type: 'array' },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { items: schema, minItems, maxItems: 1 },
  else: schema,
})

const mapped = <T>(values: Readonly<Record<string, T>>, to: (value: T) => JsonSchema): Record<string, JsonSchema> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, to(value)]))

/** The connector is chosen by its name, wherever the form writes it. */
function byName(ends: readonly EndOptions[], nameProperty: string): JsonSchema[] {
  return ends.map((end) => ({
    if: { required: [nameProperty], properties: { [nameProperty]: { enum: [...end.names] } } },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { parameter: refTo(end) } },
  }))
}

const ofRole = (ends: readonly EndOptions[], role: string) => ends.filter((end) => end.role === role)
const namesOf = (ends: readonly EndOptions[]) => [...new Set(ends.flatMap(({ names }) => names))]

function dataxSchema(ends: readonly EndOptions[]): JsonSchema {
  const end = (role: string): JsonSchema => ({
    type: 'object',
    required: ['name', 'parameter'],
    properties: { name: { type: 'string', examples: namesOf(ofRole(ends, role)) }, parameter: { type: 'object' } },
    additionalProperties: false,
    allOf: byName(ofRole(ends, role), 'name'),
  })
  const content: JsonSchema = {
    type: 'object',
    required: ['reader', 'writer'],
    properties: { reader: end('reader'), writer: end('writer'), transformer: transformerSchema },
    additionalProperties: false,
  }
  const engine: JsonSchema = { type: 'object', description: 'Configuration of the engine of DataX.' }
  const job: JsonSchema = {
    type: 'object',
    required: ['content'],
    properties: {
      content: oneOrListOf(content, 1),
      setting: { $ref: '#/definitions/setting' },
    },
    additionalProperties: false,
  }
  return {
    type: 'object',
    required: ['job'],
    properties: { $schema: { type: 'string' }, job, core: engine, common: engine, entry: engine, plugin: engine },
    additionalProperties: false,
  }
}

function dataworksSchema(ends: readonly EndOptions[]): JsonSchema {
  const step: JsonSchema = {
    type: 'object',
    properties: {
      stepType: {
        type: ['string', 'null'],
        description: 'Unset: the type of the datasource.',
        examples: [...new Set(ends.map(({ kind }) => kind))],
      },
      category: { enum: ['reader', 'writer', 'processor'] },
      name: { type: 'string', description: 'A label for order.' },
      parameter: { type: 'object' },
      ...Object.fromEntries(['copies', 'gui', 'displayName', 'description'].map((name) => [name, {}])),
    },
    additionalProperties: false,
    allOf: (['reader', 'writer'] as const).map((role) => ({
      if: { required: ['category'], properties: { category: { const: role } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { allOf: byName(ofRole(ends, role), 'stepType') },
    })),
  }
  const left: JsonSchema = { description: 'Left by the console; without meaning in a run.' }
  return {
    type: 'object',
    properties: {
      $schema: { type: 'string' },
      type: { const: 'job' },
      version: { enum: ['2.0', '1.0'] },
      steps: { type: 'array', items: step, minItems: 2 },
      order: { type: ['object', 'null'], description: 'Says again what the categories say.' },
      setting: { $ref: '#/definitions/setting' },
      dataxSetting: { $ref: '#/definitions/setting' },
      configuration: { type: 'object', description: 'The form of version 1.0: reader, writer and setting.' },
      extend: left,
      transform: left,
      traceId: left,
    },
    additionalProperties: false,
  }
}
