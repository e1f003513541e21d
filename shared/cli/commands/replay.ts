import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { type Corrections, parseCorrections } from '../../run/correction.ts'
import { findRun } from '../../run/find-run.ts'
import { replayDirty } from '../../run/replay-dirty.ts'
import type { ReplayAnswer } from '../../run/replay-records.ts'
import { openRun } from '../../run/run-context.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { countText } from '../output.ts'
import type { Session } from '../session.ts'

const help = `
Without --file all dirty records are tried again as they lie: after a wider column, say, or a dropped constraint.
With --file only those in it, corrected: the lines of \`adbpg-sync dirty <run> --json\` with another "raw", or with
"fields": a list of one text or null for each column of the writer. "piece" and "record" name the record; keep them.
A record that went in before is left out, so the command may be repeated.

  adbpg-sync dirty r… --json --limit 1000000 > corrected.json     correct it, then
  adbpg-sync replay r… --file corrected.json

Exit code 1: some are still refused; they are shown with their reasons.`

export function addReplay(program: Command, verbs: Verbs): void {
  program
    .command('replay <run>')
    .description('load rejected records of a run after all, corrected or as they are, each once')
    .option('--file <path>', 'corrected records: JSON Lines, or one JSON list')
    .addHelpText('after', help)
    .action((run: string, options: { file?: string }) =>
      verbs.withSession((session) => replay(verbs, session, run, options)),
    )
}

async function replay({ output }: Verbs, session: Session, run: string, options: { file?: string }): Promise<ExitCode> {
  const corrections = options.file === undefined ? null : await readCorrections(options.file)
  const { address, runId } = await findRun(session.world, session.deadline, run)
  await using sql = await session.world.connectSql(address, session.deadline.signal)
  const context = await openRun(session.world, sql, { address, runId }, session.deadline)
  const answer = await replayDirty(context, corrections)
  output.answer({ runId, ...answer }, () => textOf(answer))
  return answer.refused.length === 0 ? 0 : 1
}

async function readCorrections(path: string): Promise<Corrections> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new TransferError('job/invalid', `${path} cannot be read`, { path }, { cause })
  })
  return parseCorrections(text)
}

const shown = 20

function textOf({ loaded, filtered, already, refused }: ReplayAnswer): string {
  const counts = [
    `${countText(loaded)} loaded`,
    ...(filtered > 0 ? [`${countText(filtered)} left out, as another of their key stays`] : []),
    ...(already > 0 ? [`${countText(already)} replayed before`] : []),
    `${countText(refused.length)} still refused`,
  ]
  const lines = refused
    .slice(0, shown)
    .map(({ source, record, code, reason }) => `  record ${record} of ${source}: ${code}: ${reason}`)
  const more = refused.length > shown ? [`  and ${countText(refused.length - shown)} more (--json shows all)`] : []
  return [counts.join(', '), ...lines, ...more].join('\n')
}
