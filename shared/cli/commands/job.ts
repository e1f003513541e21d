import type { Command } from 'commander'
import { asTransferError } from '../../errors/index.ts'
import { faultText } from '../../job/fault.ts'
import { parseJobDocument } from '../../job/index.ts'
import { readJobText } from '../../run/job-store.ts'
import {
  checkJobText,
  type ListedJob,
  listStoredJobs,
  type RemovedJob,
  removeJob,
  saveJob,
} from '../../run/stored-jobs.ts'
import { fittedTable, wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { nameOfFile } from '../job-argument.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { readText } from '../read-text.ts'
import type { Session } from '../session.ts'
import { keepSecrets } from '../vault.ts'
import { tellIfStackStops } from './follow.ts'

const help = {
  examples: [
    ['job add orders.json', 'check it, and keep it: from now on its triggers start it'],
    ['job add orders.json --replace', 'put it in the place of the one that is there'],
    ['job list', 'the stored jobs, their triggers, and those that cannot be read'],
    ['job remove orders', 'its triggers start nothing any more; open runs go on'],
  ],
  notes: ['Marks of an incremental job stay when it is removed: one of the same name reads on (adbpg-sync watermark).'],
} as const

export function addJob(program: Command, verbs: Verbs): void {
  const job = program.command('job').description('store, show, list and remove the jobs that triggers start')
  addHelp(job, help)
  const adding = job
    .command('add <file>')
    .description('check a job document or a script, and store it under its name; - for standard input')
    .option('--replace', 'put it in the place of one that is there')
    .action((file: string, options: { replace?: boolean }) =>
      verbs.withSession((session) => add(verbs, session, file, options.replace === true)),
    )
  addHelp(adding, help)
  job
    .command('list')
    .description('the stored jobs there are')
    .action(() => verbs.withSession((session) => list(verbs, session)))
  job
    .command('show <name>')
    .description('a stored job as it is kept, its faults told')
    .action((name: string) => verbs.withSession((session) => show(verbs, session, name)))
  job
    .command('remove <name>')
    .description('forget a stored job; runs of it that are open go on')
    .action((name: string) => verbs.withSession((session) => remove(verbs, session, name)))
}

async function add(verbs: Verbs, session: Session, file: string, replace: boolean): Promise<ExitCode> {
  const { output } = verbs
  const given = file === '-' ? await verbs.readStdin() : await readText(file)
  const name = file === '-' ? null : nameOfFile(file)
  const text = await withoutSecrets(session, given, name)
  const own = parseJobDocument(text, name).document.name
  const { parsed, warnings } = await saveJob(session.world, text, { name: own, replace })
  for (const warning of warnings) output.note(`warning: ${faultText(warning)}`)
  tellIfStackStops(output, session)
  output.answer({ name: own, document: parsed.document, warnings: warnings.map(faultText) }, () => {
    const what = parsed.document.triggers.length === 0 ? 'it runs when it is called' : 'its triggers start it'
    return wrapped(`job ${own} is stored; ${what}: adbpg-sync run ${own}`, output.width(), 2)
  })
  return 0
}

/** On one machine secrets move to the vault; a text that holds none is kept as it is, comments and all. */
async function withoutSecrets({ vault }: Session, text: string, bareName: string | null): Promise<string> {
  const { document } = parseJobDocument(text, bareName)
  const script = await keepSecrets(document.script, document.name, vault)
  const notices = await keepSecrets(document.notices, `${document.name}_notices`, vault)
  if (script === document.script && notices === document.notices) return text
  return `${JSON.stringify({ ...document, script, notices }, null, 2)}\n`
}

async function list({ output }: Verbs, { world }: Session): Promise<ExitCode> {
  const jobs = await listStoredJobs(world)
  const answer = jobs.map((job) => ({ ...job, savedAt: job.savedAt.toISOString() }))
  output.answer(answer, () => (jobs.length === 0 ? 'no jobs yet' : tableOf(jobs, output.width())))
  return 0
}

function tableOf(jobs: readonly ListedJob[], width: number): string {
  const rows = jobs.map(({ name, savedAt, triggers, error }) => {
    const what = error === null ? triggers.join('\n') || 'a call' : `broken: ${error.code}: ${error.message}`
    return [name, what, savedAt.toISOString()]
  })
  return fittedTable(['name', 'started by', 'stored at'], rows, width)
}

/** A broken one is shown as well, with its faults: it is what somebody wants to look at. */
async function show({ output }: Verbs, { world }: Session, name: string): Promise<ExitCode> {
  const text = await readJobText(world.store, name)
  try {
    const { parsed, warnings } = await checkJobText(world, text, name)
    for (const warning of warnings) output.note(`warning: ${faultText(warning)}`)
    output.answer({ name, document: parsed.document, warnings: warnings.map(faultText) }, () => text.trimEnd())
    return 0
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (error.policy.blame !== 'job') throw thrown
    if (!output.json) output.fail(error)
    output.answer({ name, text, error: error.report() }, () => text.trimEnd())
    return 2
  }
}

async function remove({ output }: Verbs, { world, deadline }: Session, name: string): Promise<ExitCode> {
  const removed = await removeJob(world, name, deadline)
  output.answer(removed, () => wrapped(removedText(removed), output.width(), 4))
  return 0
}

function removedText({ name, triggers, openRuns, dependents, silent }: RemovedJob): string {
  const list = (names: readonly string[]) => names.join(', ')
  return [
    `job ${name} is removed`,
    ...(triggers.length > 0 ? [`  nothing starts it any more: ${list(triggers)}`] : []),
    ...(openRuns.length > 0 ? [`  open runs go on: ${list(openRuns)}; adbpg-sync stop <run> ends one`] : []),
    ...(dependents.length > 0 ? [`  jobs that depend on it will not begin: ${list(dependents)}`] : []),
    ...silent.map(({ ledger, error }) => `  whether runs are open in ${ledger} is not known: ${error.code}`),
  ].join('\n')
}
