import { Command, CommanderError } from 'commander'
import { jsonLog } from '../aliyun/json-log.ts'
import { version } from '../config/version.ts'
import { asTransferError, TransferError } from '../errors/index.ts'
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
import { wrapped } from './fit.ts'
import { addHelp, helpWidth } from './help-text.ts'
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

Without cloud configuration every verb works on the local stack of this folder
(.adbpg-sync/, or where ADBPG_SYNC_HOME says), starting it when it is not up.
With ADBPG_SYNC_BUCKET set, verbs work on the deployed functions.`

const help = {
  examples: [
    ['up', 'keep the local stack running'],
    ['run job.json --param bizdate=20261123', 'run a job and follow it'],
    ['put data.csv oss:///in/data.csv', 'drop a file for a job'],
    ['status', 'list the runs'],
    ['dirty <run>', 'what was rejected, and why'],
  ],
  notes: [
    'Answers go to stdout (--json for machines), progress and logs to stderr.',
    'Exit code: 0 success, 1 the run failed, 2 the command or the job is wrong.',
  ],
} as const

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
    const program = programOf(verbs, terminal)
    await program.parseAsync(withoutVainHelp(program, words), { from: 'user' })
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
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) =>
        void (verbs.output.json || stderr.write(wrapped(text, stderr.columns ?? Number.POSITIVE_INFINITY, 2))),
      getOutHelpWidth: () => stdout.columns ?? helpWidth,
      getErrHelpWidth: () => stderr.columns ?? helpWidth,
    })
    .description(description)
    .version(version)
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
  addHelp(program, help)
  // Options of the program are accepted after the verb too, where people write them.
  for (const verb of program.commands.flatMap((command) => [command, ...command.commands])) {
    verb
      .exitOverride()
      .option('--json', 'one JSON document on stdout')
      .option('--verbose', 'log lines as JSON on stderr')
  }
  return program
}

/**
 * Commander answers a request for help of a verb that there is not with the help of all, as if nothing were wrong; without the
 * request it names the nearest verb.
 */
function withoutVainHelp(program: Command, words: readonly string[]): string[] {
  const names = words.filter((word) => !word.startsWith('-'))
  let command = program
  for (const name of names[0] === 'help' ? names.slice(1) : names) {
    const found = command.commands.find((one) => one.name() === name)
    if (found === undefined && command.commands.length > 0)
      return words.filter((word) => !['--help', '-h', 'help'].includes(word))
    if (found === undefined) break
    command = found
  }
  return [...words]
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
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0
  const error = thrown instanceof CommanderError ? usageError(thrown) : asTransferError(thrown)
  // Commander has told it already, with the nearest verb or option.
  if (output.json || !(thrown instanceof CommanderError)) output.fail(error)
  return /^(job|usage)\//.test(error.code) ? 2 : 1
}

function usageError(error: CommanderError): TransferError {
  const isHelp = error.code === 'commander.help'
  const message = isHelp ? 'no verb is given' : error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  return new TransferError('usage/invalid', message, {}, { cause: error })
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
