import type { Command } from 'commander'
import { asTransferError } from '../../errors/index.ts'
import type { JobSpec } from '../../job/index.ts'
import { probeCapabilities } from '../../postgres/capabilities.ts'
import { ledgerOf, openSource, openTarget } from '../../run/ends.ts'
import { addJobOptions, type JobOptions, readJobArgument } from '../job-argument.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Session } from '../session.ts'

export function addDoctor(program: Command, verbs: Verbs): void {
  addJobOptions(program.command('doctor [job]'))
    .description('check bucket and functions, and for a job both ends, one line per check with the next step')
    .action((job: string | undefined, options: JobOptions) =>
      verbs.withSession((session) => doctor(verbs, session, job, options)),
    )
}

interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
  readonly next: string | null
}

async function doctor(verbs: Verbs, session: Session, job: string | undefined, options: JobOptions): Promise<ExitCode> {
  const findings: Finding[] = [
    await check('bucket', () => checkBucket(session)),
    await check('functions', () => checkFunctions(session)),
  ]
  if (job !== undefined) findings.push(...(await checkJob(session, job, options)))
  verbs.output.answer(findings, () => findings.map(lineOf).join('\n'))
  return findings.every(({ ok }) => ok) ? 0 : 1
}

async function check(name: string, work: () => Promise<string>): Promise<Finding> {
  try {
    return { check: name, ok: true, detail: await work(), next: null }
  } catch (thrown) {
    const { code, message, advice } = asTransferError(thrown).report()
    return { check: name, ok: false, detail: `${code}: ${message}`, next: advice }
  }
}

const lineOf = ({ check: name, ok, detail, next }: Finding) =>
  `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(12)} ${detail}${next === null ? '' : `\n                  next: ${next}`}`

async function checkBucket({ world }: Session): Promise<string> {
  const key = 'doctor/probe'
  await world.store.put(key, Buffer.from('probe'))
  await world.store.remove([key])
  return `bucket ${world.store.bucket} can be written, read and cleaned`
}

/** A start of a job that cannot exist shows that the function runs and answers. */
async function checkFunctions({ world }: Session): Promise<string> {
  const answer = await world.invoker
    .invokeSync('start', { job: 'doctor-probe-of-no-job' }, 30_000)
    .catch(asTransferError)
  if (answer instanceof Error && !/no job named/.test(answer.message)) throw answer
  return 'function start answers'
}

async function checkJob(session: Session, job: string, options: JobOptions): Promise<Finding[]> {
  let spec: JobSpec | null = null
  const parsed = await check('job', async () => {
    spec = (await readJobArgument(session, job, options)).spec
    return `${spec.reader.kind} to ${spec.writer.kind}, ${spec.warnings.length} warnings`
  })
  if (spec === null) return [parsed]
  return [parsed, await checkLedger(session, spec), await checkReader(session, spec), await checkWriter(session, spec)]
}

const checkLedger = ({ world, deadline }: Session, spec: JobSpec) =>
  check('ledger', async () => {
    await using sql = await world.connectSql(await ledgerOf(world, spec), deadline.signal)
    const { server } = await probeCapabilities(sql)
    const { rows } = await sql.query<{ may: boolean }>(
      `select pg_catalog.has_database_privilege(current_database(), 'create') as may`,
    )
    return `${server.product} ${server.version}; schema adbpg_sync ${rows[0]?.may ? 'can be created' : 'must be created by an administrator'}`
  })

const checkReader = ({ world, deadline }: Session, spec: JobSpec) =>
  check('reader', async () => {
    await using source = await openSource({ world, deadline, log: world.log, run: { spec, trigger: null } })
    const columns = await source.columns()
    return `${spec.reader.kind} can be opened${columns === null ? '' : `, ${columns.length} columns`}`
  })

const checkWriter = ({ world, deadline }: Session, spec: JobSpec) =>
  check('writer', async () => {
    await using target = await openTarget({ world, deadline, log: world.log, run: { spec, trigger: null } })
    if (target.kind === 'object') return `${spec.writer.kind} can be opened`
    return `${spec.writer.kind} can be opened, ${(await target.columns()).length} columns`
  })
