import { Command, CommanderError } from 'commander'
import { jsonLog } from '../aliyun/json-log.ts'
import { version } from '../config/version.ts'
import { asTransferError } from '../errors/index.ts'
import type { Log } from '../ports/index.ts'
import { addBackfill } from './commands/backfill.ts'
import { addConvert } from './commands/convert.ts'
import { addDatasource } from './commands/datasource.ts'
import { addDemo } from './commands/demo.ts'
import { addDirty } from './commands/dirty.ts'
import { addDoctor } from './commands/doctor.ts'
import { addJob } from './commands/job.ts'
import { addLs } from './commands/ls.ts'
import { addPlan } from './commands/plan.ts'
import { addPut } from './commands/put.ts'
import { addReplay } from './commands/replay.ts'
import { addRun } from './commands/run.ts'
import { addSql } from './commands/sql.ts'
import { addStatus } from './commands/status.ts'
import { addRetry, addStop } from './commands/steer.ts'
import { addUp } from './commands/up.ts'
import { addWatermark } from './commands/watermark.ts'
import { type Output, openOutput, type Screen } from './output.ts'
import { openSession, type Session } from './session.ts'

/** 0 success, 1 the run or the work failed, 2 the command or the job is wrong, 130 stopped by Ctrl-C. */
export type ExitCode = 0 | 1 | 2 | 130

/** What every verb is given. */
export interface Verbs {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly output: Output
  readonly log: Log
  readonly signal: AbortSignal
  /** Opens a session for the work and closes it after, however it ends. */
  withSession(work: (session: Session) => Promise<ExitCode>): Promise<void>
  /** What is piped in, whole. */
  readStdin(): Promise<string>
  /** The code the process ends with. */
  exit(code: ExitCode): void
}

const description = `Serverless data integration for AnalyticDB for PostgreSQL.

Without cloud configuration every verb works on the local stack of this folder (.adbpg-sync/),
starting it when it is not up. With ADBPG_SYNC_BUCKET set, verbs work on the deployed functions.`

const examples = `
Examples
  adbpg-sync up                                    keep the local stack running
  adbpg-sync run job.json --param bizdate=20261123 run a job and follow it
  adbpg-sync put data.csv oss://<bucket>/in/data.csv   drop a file; a job with a trigger for it loads it
  adbpg-sync status                                list the runs
  adbpg-sync dirty <run>                           show the records that were rejected, and why

Answers go to stdout (--json for machines), progress and logs to stderr.
Exit code: 0 success, 1 the run failed, 2 the command or the job is wrong.`

/** Where a command runs: the process, or a test's own. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly stdin: AsyncIterable<Uint8Array | string>
  readonly stdout: Screen
  readonly stderr: Screen
}

export async function main(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { environment, stdin, stdout, stderr } = terminal
  const interrupt = listenForInterrupt()
  const output = openOutput(words.includes('--json'), stdout, stderr)
  let code: ExitCode = 0
  const verbs: Verbs = {
    environment,
    output,
    log: words.includes('--verbose') ? jsonLog((line) => stderr.write(`${line}\n`)) : quietLog(output),
    signal: interrupt.signal,
    readStdin: () => textOf(stdin),
    exit: (next) => {
      code = next
    },
    async withSession(work) {
      await using session = await openSession(environment, output, verbs.log, interrupt.signal)
      code = await work(session)
    },
  }
  try {
    await programOf(verbs, terminal).parseAsync([...words], { from: 'user' })
    return code
  } catch (thrown) {
    return interrupt.signal.aborted && isOfInterrupt(thrown) ? stopped(output) : codeOf(thrown, output)
  } finally {
    interrupt.stop()
  }
}

/** Every verb with its options and help. */
export function programOf(verbs: Verbs, { stdout, stderr }: Pick<Terminal, 'stdout' | 'stderr'>): Command {
  const program = new Command('adbpg-sync')
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .description(description)
    .version(version)
    .addHelpText('after', examples)
    .option('--json', 'one JSON document on stdout')
    .option('--verbose', 'log lines as JSON on stderr')
    .exitOverride()
    .showHelpAfterError('(adbpg-sync --help lists verbs and options)')
  const added = [
    addUp,
    addRun,
    addBackfill,
    addPlan,
    addStatus,
    addWatermark,
    addDirty,
    addReplay,
    addRetry,
    addStop,
    addPut,
    addLs,
    addSql,
    addJob,
    addDatasource,
    addDoctor,
    addConvert,
    addDemo,
  ]
  for (const add of added) add(program, verbs)
  // Options of the program are accepted after the verb too, where people write them.
  for (const verb of program.commands.flatMap((command) => [command, ...command.commands])) {
    verb
      .exitOverride()
      .option('--json', 'one JSON document on stdout')
      .option('--verbose', 'log lines as JSON on stderr')
  }
  return program
}

async function textOf(stdin: Terminal['stdin']): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of stdin) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces).toString('utf8')
}

/** Sessions and waits of a command end by the signal, each with an error of its own; whatever else went wrong is told. */
function isOfInterrupt(thrown: unknown): boolean {
  if (thrown instanceof Error && thrown.name === 'AbortError') return true
  const { code, cause } = asTransferError(thrown)
  return code === 'platform/deadline' || (cause !== thrown && cause instanceof Error && isOfInterrupt(cause))
}

function stopped(output: Output): ExitCode {
  output.note('stopped by Ctrl-C')
  return 130
}

function codeOf(thrown: unknown, output: Output): ExitCode {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
  const error = asTransferError(thrown)
  output.fail(error)
  return error.code.startsWith('job/') ? 2 : 1
}

/** People see trouble as it happens; the rest is in the log of the functions. */
function quietLog(output: Output): Log {
  const say = (message: string) => output.note(`warning: ${message}`)
  const log: Log = { info: () => undefined, warn: say, error: say, child: () => log }
  return log
}

/** The first Ctrl-C asks to stop and lets things be tidied up; a second one ends the process at once. */
function listenForInterrupt(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    stop: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal),
  }
}
