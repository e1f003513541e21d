import { timingSafeEqual } from 'node:crypto'
import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { asTransferError, type Issue, issuesText, TransferError } from '../errors/index.ts'
import type * as ledger from '../ledger/index.ts'
import { startBackfill } from '../run/backfill.ts'
import { StartEvent } from '../run/events.ts'
import { findRun, listRunsEverywhere } from '../run/find-run.ts'
import { readJob } from '../run/jobs.ts'
import { reportRun } from '../run/report.ts'
import { openRun } from '../run/run-context.ts'
import { sinceOf } from '../run/since.ts'
import { startJob } from '../run/start-job.ts'
import { retryRun, stopRun } from '../run/steer-run.ts'
import type { Deadline, World } from '../run/world.ts'
import { addDatasourceRoutes } from './datasource-routes.ts'
import { addDoctorRoutes } from './doctor-routes.ts'
import { addJobRoutes } from './job-routes.ts'
import { json, refusals, security } from './route-parts.ts'
import { Backfill, BackfillBody, ListQuery, Run, RunList, RunParameters, StartBody, Started } from './schemas.ts'

const startRoute = createRoute({
  method: 'post',
  path: '/v1/runs',
  summary: 'Start a run',
  security,
  request: { body: { required: true, content: { 'application/json': { schema: StartBody } } } },
  responses: { 202: json(Started, 'The run, started now or before'), ...refusals },
})
const listRoute = createRoute({
  method: 'get',
  path: '/v1/runs',
  summary: 'List runs, newest first',
  security,
  request: { query: ListQuery },
  responses: { 200: json(RunList, 'Runs, and the ledgers that did not answer'), ...refusals },
})
const backfillRoute = createRoute({
  method: 'post',
  path: '/v1/backfills',
  summary: 'Run a job for business dates of the past',
  security,
  request: { body: { required: true, content: { 'application/json': { schema: BackfillBody } } } },
  responses: { 202: json(Backfill, 'Its runs, started now or before'), ...refusals },
})
const runRoute = (method: 'get' | 'post', path: string, summary: string) =>
  createRoute({
    method,
    path,
    summary,
    security,
    request: { params: RunParameters },
    responses: { 200: json(Run, 'The run'), ...refusals },
  })

export interface ApiOptions {
  readonly world: World
  readonly deadline: Deadline
  /** null: no token is configured, and every call is refused. */
  readonly token: string | null
  readonly version: string
}

/** The HTTP API: the verbs of the command line for programs. The same app answers on the cloud and on one machine. */
export function createApi({ world, deadline, token, version }: ApiOptions): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: (result) => void refuseInvalid(result) })
  app.onError((thrown, context) => {
    const error = thrown instanceof HTTPException ? refusedBody(thrown) : asTransferError(thrown)
    world.log.warn('the API refused a call', { error: error.report() })
    return context.json({ error: error.report() }, statusOf(error))
  })
  app.notFound((context) =>
    context.json({ error: new TransferError('run/unknown', `there is no ${context.req.path}`).report() }, 404),
  )
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', { type: 'http', scheme: 'bearer' })
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'adbpg-sync', version: '1' } })
  app.use('/v1/*', requireToken(token))
  app.openapi(startRoute, async (context) => {
    const { runId, outcome, warnings } = await startJob(world, StartEvent.parse(context.req.valid('json')), deadline)
    return context.json({ runId, outcome, warnings: [...warnings] }, 202)
  })
  app.openapi(backfillRoute, async (context) => {
    const { job, parameters = {}, datasources = {}, ...dates } = context.req.valid('json')
    const request = { ...dates, parsed: await readJob(world, job), parameters, datasources }
    const { runs } = await startBackfill(world, request, deadline)
    return context.json({ runs: [...runs] }, 202)
  })
  app.openapi(listRoute, async (context) => {
    const { since, before, ...query } = context.req.valid('query')
    const { runs, silent } = await listRunsEverywhere(world, deadline, {
      ...query,
      since: since === undefined ? null : sinceOf(since, world.clock.now()),
      ...(before === undefined ? {} : { before: new Date(before) }),
    })
    return context.json({ runs: runs.map(lineOf), silent: [...silent] }, 200)
  })
  addDatasourceRoutes(app, { world, deadline })
  addJobRoutes(app, { world, deadline })
  addDoctorRoutes(app, { world, deadline, version })
  const verbs = { '': null, '/stop': stopRun, '/retry': retryRun } as const
  for (const [suffix, steer] of Object.entries(verbs)) {
    const route = runRoute(
      steer === null ? 'get' : 'post',
      `/v1/runs/{runId}${suffix}`,
      steer === null ? 'Show a run' : `${suffix.slice(1)} a run`,
    )
    app.openapi(route, async (context) =>
      context.json(await onRun(world, deadline, context.req.valid('param').runId, steer), 200),
    )
  }
  return app
}

const lineOf = ({ runId, job, state, requestedAt, finishedAt }: ledger.RunListRow) => ({
  runId,
  job,
  state,
  requestedAt: requestedAt.toISOString(),
  finishedAt: finishedAt?.toISOString() ?? null,
})

async function onRun(
  world: World,
  deadline: Deadline,
  text: string,
  steer: typeof stopRun | typeof retryRun | null,
): Promise<z.infer<typeof Run>> {
  const { address, runId } = await findRun(world, deadline, text)
  await using sql = await world.connectSql(address, deadline.signal)
  if (steer !== null) await steer(await openRun(world, sql, { address, runId }, deadline))
  const report = await reportRun(sql, runId, world.clock.now(), world.settings.prices)
  if (report === null) throw new TransferError('run/unknown', `no run ${runId}`)
  return Run.parse(report)
}

/** The framework refuses a body that is not JSON before any schema sees it. */
const refusedBody = (thrown: HTTPException) =>
  new TransferError('event/invalid', thrown.message || 'the request is refused', {}, { cause: thrown })

/** `data` is what was sent: the framework gives it along, though its type does not say so. */
function refuseInvalid(result: { success: boolean; data?: unknown; error?: { issues: readonly Issue[] } }): void {
  if (!result.success) throw new TransferError('event/invalid', issuesText(result.error?.issues ?? [], result.data))
}

function statusOf(error: TransferError): 400 | 401 | 404 | 500 | 503 {
  if (error.code === 'connect/wrong-credentials' && error.context.api === true) return 401
  if (error.code === 'run/unknown' || error.code === 'job/unknown-job' || isMissingDatasource(error)) return 404
  if (error.policy.blame === 'job' || error.code.startsWith('event/')) return 400
  return error.policy.retry === 'again' ? 503 : 500
}

/** As against a job that names one which is not there: the request is wrong then. */
const isMissingDatasource = ({ code, context }: TransferError) =>
  code === 'job/unknown-datasource' && context.datasource !== undefined

function requireToken(token: string | null): MiddlewareHandler {
  return async (context, next) => {
    const given = /^Bearer (.+)$/.exec(context.req.header('authorization') ?? '')?.[1] ?? ''
    if (token === null || !isEqual(given, token)) {
      throw new TransferError('connect/wrong-credentials', 'send the header "Authorization: Bearer <token>"', {
        api: true,
      })
    }
    await next()
  }
}

/** In a time that does not tell how much of the token was right. */
function isEqual(given: string, token: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b)
}
