import { join } from 'node:path'
import type { Command } from 'commander'
import { version } from '../../config/index.ts'
import { diagnose } from '../../doctor/diagnose.ts'
import { type Finding, failedBy, ofAll, type Result } from '../../doctor/finding.ts'
import type { Watched } from '../../doctor/triggers.ts'
import { asTransferError } from '../../errors/index.ts'
import { readFunctions } from '../../local/fc/functions.ts'
import { functionNames } from '../../ports/index.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { addJobOptions, type JobArgument, type JobOptions, readJobArgument } from '../job-argument.ts'
import { projectDir } from '../local-stack.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Session } from '../session.ts'

export function addDoctor(program: Command, verbs: Verbs): void {
  const verb = addJobOptions(program.command('doctor [job]'))
    .description('check functions and bucket, and for a job both ends, one line per check with the next step')
    .action((job: string | undefined, options: JobOptions) =>
      verbs.withSession((session) => doctor(verbs, session, job, options)),
    )
  addHelp(verb, {
    notes: [
      'The function plan looks at the servers, from its own network and with its own secrets: what it says holds for runs.',
    ],
  })
}

async function doctor(
  { output }: Verbs,
  session: Session,
  job: string | undefined,
  options: JobOptions,
): Promise<ExitCode> {
  const { argument, refused } = job === undefined ? noJob : await readJob(session, job, options)
  const findings = await diagnose(session.world, {
    job: argument === null ? null : { document: argument.parsed.document, spec: argument.spec },
    functions: functionNames,
    watched: await watchedBy(session.world.store.bucket),
    version,
  })
  const all = [...findings, ...ofAll('job', refused)]
  output.answer(all, () => findingsText(all, output.width()))
  return exitCodeOf(all)
}

interface ReadJob {
  readonly argument: JobArgument | null
  readonly refused: readonly Result[]
}

const noJob: ReadJob = { argument: null, refused: [] }

/** A job that cannot be read is a finding like any other: the rest is looked at all the same. */
async function readJob(session: Session, job: string, options: JobOptions): Promise<ReadJob> {
  try {
    return { argument: await readJobArgument(session, job, options), refused: [] }
  } catch (thrown) {
    return { argument: null, refused: [failedBy('script', asTransferError(thrown))] }
  }
}

export const exitCodeOf = (findings: readonly Finding[]): ExitCode =>
  findings.some(({ state }) => state === 'failed') ? 1 : 0

/** The triggers that `s.yaml` of this checkout deploys, with its bucket that of the session. */
async function watchedBy(bucket: string): Promise<Watched[]> {
  const functions = await readFunctions(join(projectDir, 's.yaml'), { BUCKET: bucket })
  return functions.flatMap(({ triggers }) =>
    triggers.flatMap((trigger) => {
      if (trigger.triggerType !== 'oss') return []
      const { prefix, suffix } = trigger.triggerConfig.filter.key
      return [{ bucket: trigger.sourceArn.split(':').at(-1) ?? '', prefix, suffix }]
    }),
  )
}

const marks: Record<Finding['state'], string> = { ok: 'ok  ', warning: 'warn', failed: 'FAIL', skipped: '-   ' }

export function findingsText(findings: readonly Finding[], width: number): string {
  const longest = (of: (finding: Finding) => string) => Math.max(...findings.map((finding) => of(finding).length))
  const [abouts, checks] = [longest(({ about }) => about), longest(({ check }) => check)]
  const indent = abouts + checks + 9
  const lines = findings.map(({ about, check, state, detail, next }) => {
    const line = `${marks[state]} ${about.padEnd(abouts)}  ${check.padEnd(checks)}  ${detail}`
    return wrapped(next === null ? line : `${line}\n${' '.repeat(indent)}next: ${next}`, width, indent)
  })
  return lines.join('\n')
}
