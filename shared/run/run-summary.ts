import type { RunReport } from './report.ts'

/** What DataX says of a job that has ended (dataworks-datax.md §2.5), as numbers. */
export interface RunSummary {
  readonly startedAt: string
  readonly endedAt: string
  readonly seconds: number
  readonly bytesPerSecond: number
  readonly recordsPerSecond: number
  readonly records: number
  readonly failed: number
  readonly filtered: number
}

/** Rates as DataX makes them: over whole seconds, of which there is at least one. null: the run has not ended. */
export function summaryOf({ rows, bytes, requestedAt, finishedAt }: Facts): RunSummary | null {
  if (finishedAt === null) return null
  const seconds = Math.max(0, Math.floor((Date.parse(finishedAt) - Date.parse(requestedAt)) / 1000))
  const over = Math.max(1, seconds)
  return {
    startedAt: requestedAt,
    endedAt: finishedAt,
    seconds,
    bytesPerSecond: Math.floor(bytes / over),
    recordsPerSecond: Math.floor((rows.read - rows.dirty) / over),
    records: rows.read,
    failed: rows.dirty,
    filtered: rows.filtered,
  }
}

type Facts = Pick<RunReport, 'rows' | 'bytes' | 'requestedAt' | 'finishedAt'>

/** People search logs for these labels, each on a line of its own; times are on the clocks of DataWorks. */
export function summaryLines(summary: RunSummary): string[] {
  const lines: [string, string][] = [
    ['任务启动时刻', clockOf(summary.startedAt)],
    ['任务结束时刻', clockOf(summary.endedAt)],
    ['任务总计耗时', `${summary.seconds}s`],
    ['任务平均流量', `${sizeOf(summary.bytesPerSecond)}/s`],
    ['记录写入速度', `${summary.recordsPerSecond}rec/s`],
    ['读出记录总数', String(summary.records)],
    ['读写失败总数', String(summary.failed)],
  ]
  if (summary.filtered > 0) lines.push(['Transformer过滤记录总数', String(summary.filtered)])
  return lines.map(([label, value]) => `${label.padEnd(26)}: ${value.padStart(19)}`)
}

const zone = 'Asia/Shanghai'
const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
const clockOf = (instant: string): string => clock.format(new Date(instant))

const units = ['GB', 'MB', 'KB'] as const

/** In steps of 1024, with two decimals from a kilobyte on. */
function sizeOf(bytes: number): string {
  for (const [index, unit] of units.entries()) {
    const size = 1024 ** (units.length - index)
    if (bytes >= size) return `${(bytes / size).toFixed(2)}${unit}`
  }
  return `${bytes}B`
}
