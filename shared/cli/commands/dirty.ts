import Table from 'cli-table3'
import type { Command } from 'commander'
import { DirtyRecord } from '../../load/dirty-record.ts'
import { findRun } from '../../run/find-run.ts'
import { dirtyPrefix } from '../../staging/keys.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Session } from '../session.ts'

const maxObjectBytes = 256 * 1024 * 1024

export function addDirty(program: Command, verbs: Verbs): void {
  program
    .command('dirty <run>')
    .description('show the records of a run that were rejected: where each stood, and why')
    .option('--limit <n>', 'at most so many records', '50')
    .action((run: string, options: { limit: string }) =>
      verbs.withSession((session) => dirty(verbs, session, run, options)),
    )
}

async function dirty({ output }: Verbs, session: Session, run: string, options: { limit: string }): Promise<ExitCode> {
  const { runId } = await findRun(session.world, session.deadline, run)
  const limit = Math.max(1, Number.parseInt(options.limit, 10) || 50)
  const records = await readDirty(session, dirtyPrefix(runId), limit)
  output.answer(records, () => (records.length === 0 ? 'no dirty records' : tableOf(records)))
  return 0
}

async function readDirty(session: Session, prefix: string, limit: number): Promise<DirtyRecord[]> {
  const records: DirtyRecord[] = []
  for await (const head of session.world.store.list(prefix)) {
    const found = await session.world.store.read(head.key, maxObjectBytes)
    for (const line of (found?.body.toString('utf8') ?? '').split('\n')) {
      if (line !== '') records.push(DirtyRecord.parse(JSON.parse(line)))
      if (records.length === limit) return records
    }
  }
  return records
}

function tableOf(records: readonly DirtyRecord[]): string {
  const table = new Table({
    head: ['source', 'record', 'byte', 'column', 'code', 'reason', 'value'],
    style: { head: [], border: [] },
  })
  for (const { source, record, offset, column, code, reason, raw } of records) {
    table.push([source, record, offset, column ?? '', code, reason, raw.length > 60 ? `${raw.slice(0, 57)}…` : raw])
  }
  return table.toString()
}
