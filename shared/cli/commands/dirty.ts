import Table from 'cli-table3'
import type { Command } from 'commander'
import { policies } from '../../errors/index.ts'
import { DirtyRecord } from '../../load/dirty-record.ts'
import { findRun } from '../../run/find-run.ts'
import { dirtyPrefix } from '../../staging/keys.ts'
import { wrapped } from '../fit.ts'
import type { ExitCode, Verbs } from '../main.ts'
import { countUpTo } from '../parse-count.ts'
import type { Session } from '../session.ts'

/** More than anybody looks at, and one less than what is asked for may be. */
const mostRecords = 1e15 - 1
const maxObjectBytes = 256 * 1024 * 1024

export function addDirty(program: Command, verbs: Verbs): void {
  program
    .command('dirty <run>')
    .description('show the records of a run that were rejected: where each stood, and why')
    .option('--limit <n>', 'at most so many records; a table shows 50, --json all', countUpTo(mostRecords))
    .action((run: string, options: { limit?: number }) =>
      verbs.withSession((session) => dirty(verbs, session, run, options)),
    )
}

async function dirty({ output }: Verbs, session: Session, run: string, options: { limit?: number }): Promise<ExitCode> {
  const { runId } = await findRun(session.world, session.deadline, run)
  // A file for `replay` must hold all of them.
  const limit = options.limit ?? (output.json ? mostRecords : 50)
  const found = await readDirty(session, dirtyPrefix(runId), limit + 1)
  const records = found.slice(0, limit)
  if (found.length > limit)
    output.note(`the first ${limit}; there are more: --limit <n> shows so many, --json without it all`)
  output.answer(records, () => (records.length === 0 ? 'no dirty records' : textOf(records, output.width())))
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

/** Records of one source under its name, each on one line of the terminal but for its reason; behind them what to do. */
function textOf(records: readonly DirtyRecord[], width: number): string {
  const sources = [...new Set(records.map(({ source }) => source))]
  const tables = sources.map(
    (source) =>
      `${source}\n${tableOf(
        records.filter((record) => record.source === source),
        width,
      )}`,
  )
  return [...tables, ...adviceOn(records).map((line) => wrapped(line, width, 2))].join('\n')
}

/** For each code that is among them. */
export const adviceOn = (records: readonly Pick<DirtyRecord, 'code'>[]): string[] =>
  [...new Set(records.map(({ code }) => code))].map((code) => `${code}: ${policies[code].advice}`)

/** The four narrow columns and the borders of all. */
const fixedColumns = 66
/** The same of the table for narrow terminals: two columns and the borders. */
const narrowColumns = 27
/** Below this the reason and the value would have no room beside six columns. */
const leastWide = 114

/** Into a pipe, too, values are cut: they may be a megabyte each. */
const mostColumns = 160

export function tableOf(records: readonly DirtyRecord[], terminalColumns: number): string {
  const width = Math.min(terminalColumns, mostColumns)
  return width < leastWide ? narrowTable(records, width) : wideTable(records, width)
}

function narrowTable(records: readonly DirtyRecord[], width: number): string {
  const open = Math.max(16, Math.floor((width - narrowColumns) / 2))
  const table = new Table({
    head: ['record', 'column', 'reason', 'value'],
    colWidths: [10, 12, open, open],
    wordWrap: true,
    wrapOnWordBoundary: false,
    style: { head: [], border: [] },
  })
  for (const { record, column, code, reason, raw } of records)
    table.push([record, column ?? '', `${code}: ${reason}`, shortened(raw, open - 2)])
  return table.toString()
}

function wideTable(records: readonly DirtyRecord[], width: number): string {
  const open = Math.max(24, Math.floor((width - fixedColumns) / 2))
  const table = new Table({
    head: ['record', 'byte', 'column', 'code', 'reason', 'value'],
    colWidths: [10, 14, 14, 20, open, open],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const { record, offset, column, code, reason, raw } of records)
    table.push([record, offset, column ?? '', code, reason, shortened(raw, open - 2)])
  return table.toString()
}

/** The whole value is in the object and in `--json`. */
const shortened = (raw: string, length: number) => {
  const line = raw.replaceAll('\n', '↵').replaceAll('\t', '→')
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}
