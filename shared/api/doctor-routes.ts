import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { askPlan, diagnose } from '../doctor/diagnose.ts'
import { readDatasourceNamed } from '../run/datasources.ts'
import { readAndResolve } from '../run/jobs.ts'
import { json, refusals, type Served, security } from './route-parts.ts'

const Line = z
  .object({
    about: z.string(),
    check: z.string(),
    state: z.enum(['ok', 'warning', 'failed', 'skipped']),
    detail: z.string(),
    next: z.string().nullable(),
  })
  .openapi('Finding')
const Findings = z.object({ ok: z.boolean(), findings: z.array(Line) })
const params = z.object({ name: z.string().openapi({ param: { name: 'name', in: 'path' } }) })

const routeOf = (path: string, summary: string) =>
  createRoute({
    method: 'post',
    path,
    summary,
    security,
    request: { params },
    responses: { 200: json(Findings, 'What was found, one line per check'), ...refusals },
  })

/** Those that the role of the API may call (docs/deploy.md). */
const functions = ['plan', 'stage', 'load', 'finish'] as const

/** `doctor` and `datasource test` of the command line: asked of the function `plan`, so that its network and role are looked at. */
export function addDoctorRoutes(app: OpenAPIHono, { world, version }: Served & { readonly version: string }): void {
  app.openapi(routeOf('/v1/jobs/{name}/doctor', 'Check a stored job end to end'), async (context) => {
    const occasion = { trigger: { type: 'client' } as const, scheduledAt: world.clock.now() }
    const { parsed, spec } = await readAndResolve(world, context.req.valid('param').name, occasion)
    const job = { document: parsed.document, spec }
    return context.json(answerOf(await diagnose(world, { job, functions, watched: null, version })), 200)
  })
  app.openapi(routeOf('/v1/datasources/{name}/test', 'Check a datasource'), async (context) => {
    const { name } = context.req.valid('param')
    const { datasource: definition } = await readDatasourceNamed(world, name)
    return context.json(answerOf(await askPlan(world, { what: 'datasource', name, definition })), 200)
  })
}

const answerOf = (findings: Awaited<ReturnType<typeof askPlan>>) => ({
  ok: findings.every(({ state }) => state !== 'failed'),
  findings,
})
