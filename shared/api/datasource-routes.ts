import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { faultText } from '../job/fault.ts'
import {
  type ListedDatasource,
  listDatasources,
  readDatasourceNamed,
  removeDatasource,
  saveDatasource,
} from '../run/datasources.ts'
import { body, json, refusals, type Served, security } from './route-parts.ts'

const Definition = z.record(z.string(), z.unknown()).openapi('Definition', {
  description: 'Properties of a connection, our own or those of DataWorks; secrets are references',
})
const Named = z
  .object({ name: z.string(), definition: Definition, warnings: z.array(z.string()) })
  .openapi('Datasource')
const Listed = z.object({
  datasources: z.array(
    z.object({
      name: z.string(),
      from: z.enum(['environment', 'bucket']),
      definition: Definition.optional(),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
})
const Removed = z.object({ name: z.string() })
const params = z.object({ name: z.string().openapi({ param: { name: 'name', in: 'path' } }) })

const path = '/v1/datasources/{name}'
const listRoute = createRoute({
  method: 'get',
  path: '/v1/datasources',
  summary: 'List datasources',
  security,
  responses: { 200: json(Listed, 'Datasources by name'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path,
  summary: 'Show a datasource',
  security,
  request: { params },
  responses: { 200: json(Named, 'The datasource'), ...refusals },
})
const putRoute = createRoute({
  method: 'put',
  path,
  summary: 'Register a datasource, in the place of one that is there',
  security,
  request: { params, body: body(Definition) },
  responses: { 200: json(Named, 'As it is kept'), ...refusals },
})
const removeRoute = createRoute({
  method: 'delete',
  path,
  summary: 'Remove a datasource',
  security,
  request: { params },
  responses: { 200: json(Removed, 'It is gone'), ...refusals },
})

/** The registry of datasources, as `adbpg-sync datasource` has it. A secret in plain text is refused: it would be in every log on its way. */
export function addDatasourceRoutes(app: OpenAPIHono, { world }: Served): void {
  app.openapi(listRoute, async (context) =>
    context.json({ datasources: (await listDatasources(world)).map(lineOf) }, 200),
  )
  app.openapi(showRoute, async (context) => {
    const { name } = context.req.valid('param')
    return context.json(namedOf(name, await readDatasourceNamed(world, name)), 200)
  })
  app.openapi(putRoute, async (context) => {
    const { name } = context.req.valid('param')
    const saved = await saveDatasource(world, name, context.req.valid('json'), { replace: true })
    return context.json(namedOf(name, saved), 200)
  })
  app.openapi(removeRoute, async (context) => {
    const { name } = context.req.valid('param')
    await removeDatasource(world, name)
    return context.json({ name }, 200)
  })
}

/** Values that are not set are left out. */
const plain = (definition: object) =>
  Definition.parse(JSON.parse(JSON.stringify(definition))) as Record<string, string | number>

const lineOf = (one: ListedDatasource) =>
  'definition' in one ? { ...one, definition: plain(one.definition) } : { ...one, error: { ...one.error } }

const namedOf = (name: string, { datasource, warnings }: Awaited<ReturnType<typeof readDatasourceNamed>>) => ({
  name,
  definition: plain(datasource),
  warnings: warnings.map(faultText),
})
