import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { faultText } from '../job/fault.ts'
import { readJobText } from '../run/job-store.ts'
import { type CheckedText, checkJobText, listStoredJobs, removeJob, saveJob } from '../run/stored-jobs.ts'
import { body, json, refusals, type Served, security } from './route-parts.ts'
import { Report } from './schemas.ts'

const Document = z.record(z.string(), z.unknown()).openapi('JobDocument', {
  description: 'A job document, or a script of DataX or DataWorks as it is; secrets are references',
})
const Stored = z.object({ name: z.string(), document: Document, warnings: z.array(z.string()) }).openapi('StoredJob')
const Listed = z.object({
  jobs: z.array(
    z.object({
      name: z.string(),
      savedAt: z.string(),
      triggers: z.array(z.string()),
      error: z.object({ code: z.string(), message: z.string() }).nullable(),
    }),
  ),
})
const Removed = z
  .object({
    name: z.string(),
    triggers: z.array(z.string()).openapi({ description: 'They start nothing any more' }),
    openRuns: z.array(z.string()).openapi({ description: 'Runs that go on' }),
    dependents: z.array(z.string()).openapi({ description: 'Jobs whose cycles cannot begin without it' }),
    silent: z.array(z.object({ ledger: z.string(), error: Report })),
  })
  .openapi('RemovedJob')
const params = z.object({ name: z.string().openapi({ param: { name: 'name', in: 'path' } }) })

const path = '/v1/jobs/{name}'
const listRoute = createRoute({
  method: 'get',
  path: '/v1/jobs',
  summary: 'List stored jobs',
  security,
  responses: { 200: json(Listed, 'Jobs by name, those that cannot be read among them'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path,
  summary: 'Show a stored job',
  security,
  request: { params },
  responses: { 200: json(Stored, 'The job'), ...refusals },
})
const putRoute = createRoute({
  method: 'put',
  path,
  summary: 'Store a job, in the place of one that is there',
  security,
  request: { params, body: body(Document) },
  responses: { 200: json(Stored, 'As it is kept'), ...refusals },
})
const removeRoute = createRoute({
  method: 'delete',
  path,
  summary: 'Remove a stored job; its open runs go on',
  security,
  request: { params },
  responses: { 200: json(Removed, 'It is gone'), ...refusals },
})

/** Stored jobs, as `adbpg-sync job` has them. */
export function addJobRoutes(app: OpenAPIHono, { world, deadline }: Served): void {
  app.openapi(listRoute, async (context) => {
    const jobs = await listStoredJobs(world)
    const lines = jobs.map(({ savedAt, triggers, error, name }) => ({
      name,
      savedAt: savedAt.toISOString(),
      triggers: [...triggers],
      error: error === null ? null : { ...error },
    }))
    return context.json({ jobs: lines }, 200)
  })
  app.openapi(showRoute, async (context) => {
    const { name } = context.req.valid('param')
    return context.json(storedOf(name, await checkJobText(world, await readJobText(world.store, name), name)), 200)
  })
  app.openapi(putRoute, async (context) => {
    const { name } = context.req.valid('param')
    const text = `${JSON.stringify(context.req.valid('json'), null, 2)}\n`
    return context.json(storedOf(name, await saveJob(world, text, { name, replace: true })), 200)
  })
  app.openapi(removeRoute, async (context) => {
    const removed = await removeJob(world, context.req.valid('param').name, deadline)
    return context.json(Removed.parse(removed), 200)
  })
}

const storedOf = (name: string, { parsed, warnings }: CheckedText) => ({
  name,
  document: { ...parsed.document } as Record<string, unknown>,
  warnings: warnings.map(faultText),
})
