import Table from 'cli-table3'
import type * as ledger from '../ledger/index.ts'

/** Every column but the job's name, with the borders: fits a terminal of 80 columns with names of up to 10 characters. */
const fixedColumns = 68
const leastJobColumns = 10

/** Runs as a table that fits the terminal, times in the zone of the machine that shows them. */
export function runsText(runs: readonly ledger.RunListRow[], width: number): string {
  if (runs.length === 0) return 'no runs yet'
  const longest = Math.max(...runs.map(({ job }) => job.length), 'job'.length)
  const jobColumns = Math.max(leastJobColumns, Math.min(longest + 2, width - fixedColumns))
  const table = new Table({
    head: ['run', 'job', 'state', zonedHead(runs[0]?.requestedAt ?? new Date(0)), 'took'],
    colWidths: [27, jobColumns, 11, 16, null],
    wordWrap: true,
    wrapOnWordBoundary: false,
    style: { head: [], border: [] },
  })
  for (const { runId, job, state, requestedAt, finishedAt } of runs)
    table.push([runId, job, state, timeText(requestedAt), finishedAt === null ? '' : tookText(requestedAt, finishedAt)])
  return table.toString()
}

const month = new Intl.DateTimeFormat('en-GB', { month: '2-digit', day: '2-digit' })
const time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const zone = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'shortOffset' })

const timeText = (at: Date) => {
  const parts = month.formatToParts(at)
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
  return `${part('month')}-${part('day')} ${time.format(at)}`
}

const zonedHead = (at: Date) =>
  `at, ${(zone.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC').replace('GMT', 'UTC')}`

function tookText(from: Date, to: Date): string {
  const seconds = Math.max(0, to.getTime() - from.getTime()) / 1000
  if (seconds < 100) return `${seconds.toFixed(1)} s`
  // Up to what is rounded to 59 minutes: the column has no room for more digits.
  return seconds < 3570 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
