import type { Command } from 'commander'
import { policies } from '../../errors/index.ts'
import { parseCorrections } from '../../run/correction.ts'
import { findRun } from '../../run/find-run.ts'
import { type ReplayedRun, replayDirty } from '../../run/replay-dirty.ts'
import { openRun } from '../../run/run-context.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { countText } from '../output.ts'
import { readText } from '../read-text.ts'
import type { Session } from '../session.ts'

const help = {
  examples: [
    ['replay <run>', 'all as they lie: after a wider column, say, or a dropped constraint'],
    ['dirty <run> --json > corrected.json', 'a file to correct'],
    ['replay <run> --file corrected.json', 'those in it, corrected, and no others'],
  ],
  notes: [
    'A corrected line has another "raw", or "fields": a list of one text or null for each column of the writer. "piece" and "record" name the record; keep them.',
    'A record that went in before is left out, so the command may be repeated.',
    'Exit code 1: some are still refused, or are of chunks that were rolled back.',
  ],
} as const

export function addReplay(program: Command, verbs: Verbs): void {
  const verb = program
    .command('replay <run>')
    .description('load rejected records of a run after all, corrected or as they are, each once')
    .option('--file <path>', 'corrected records: JSON Lines, or one JSON list')
    .action((run: string, options: { file?: string }) =>
      verbs.withSession((session) => replay(verbs, session, run, options)),
    )
  addHelp(verb, help)
}

async function replay({ output }: Verbs, session: Session, run: string, options: { file?: string }): Promise<ExitCode> {
  const corrections = options.file === undefined ? null : parseCorrections(await readText(options.file))
  const { address, runId } = await findRun(session.world, session.deadline, run)
  await using sql = await session.world.connectSql(address, session.deadline.signal)
  const context = await openRun(session.world, sql, { address, runId }, session.deadline)
  const answer = await replayDirty(context, corrections)
  output.answer({ runId, ...answer }, () => wrapped(textOf(runId, answer), output.width(), 4))
  return answer.refused.length + answer.rolledBack === 0 ? 0 : 1
}

const shown = 20

function textOf(runId: string, { loaded, filtered, already, refused, rolledBack }: ReplayedRun): string {
  if (loaded + filtered + already + refused.length + rolledBack === 0) return `run ${runId} has no dirty records`
  const counts = [
    `${countText(loaded)} loaded`,
    ...(filtered > 0 ? [`${countText(filtered)} left out, as another of their key stays`] : []),
    ...(already > 0 ? [`${countText(already)} replayed before`] : []),
    `${countText(refused.length)} still refused`,
    ...(rolledBack > 0 ? [`${countText(rolledBack)} in chunks that were rolled back`] : []),
  ]
  const lines = refused
    .slice(0, shown)
    .map(({ source, record, code, reason }) => `  record ${record} of ${source}: ${code}: ${reason}`)
  const more = refused.length > shown ? [`  and ${countText(refused.length - shown)} more (--json shows all)`] : []
  const next = [
    ...(refused.length > 0 ? [`  next: correct them, as \`adbpg-sync replay --help\` shows`] : []),
    ...(rolledBack > 0 ? [`  next: ${policies['run/retry-first'].advice}`] : []),
  ]
  return [counts.join(', '), ...lines, ...more, ...next].join('\n')
}
