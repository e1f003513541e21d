import type { RunReport } from '../run/report.ts'
import { wrapped } from './fit.ts'
import { bytesText, countOf, countText } from './output.ts'

/** One line while a run is going on. */
export function progressText(report: RunReport): string {
  const { rows, chunks, chunksPlanned } = report
  const total = chunksPlanned === null ? '?' : countText(chunksPlanned)
  const dirty = rows.dirty > 0 ? `, ${countText(rows.dirty)} dirty` : ''
  return `${report.job} ${report.state}: ${countText(rows.read)} rows read${dirty}, ${bytesText(report.bytes)}, chunk ${countText(chunks)}/${total}, ${report.seconds.toFixed(0)} s${report.trouble === null ? '' : `; ${troubleText(report.trouble)}`}`
}

const troubleText = ({ piece, error, at }: NonNullable<RunReport['trouble']>) =>
  `${piece} failed at ${at} and is tried again by itself: ${error.code}: ${error.message}`

function incrementText({ column, low, lowIncluded, high }: NonNullable<RunReport['increment']>): string {
  const lower = low === null ? [] : [`${column} ${lowIncluded ? '>=' : '>'} ${low}`]
  if (high === null) return lower.length === 0 ? `no row with a ${column}` : `${lower[0]}: there was none`
  return [...lower, `${column} <= ${high}`].join(' and ')
}

/** The block that ends a run. */
export function summaryText(report: RunReport, bucket: string, width: number): string {
  const { rows, bytes, seconds, chunks, error } = report
  const speed = seconds > 0 ? bytes / 1e6 / seconds : 0
  const lines = [
    `run      ${report.runId} of ${report.job}: ${report.state}`,
    `rows     ${countText(rows.read)} read, ${countText(rows.loaded)} loaded, ${countText(rows.dirty)} dirty, ${countText(rows.filtered)} filtered`,
    `bytes    ${bytesText(bytes)} in ${seconds.toFixed(1)} s = ${speed.toFixed(1)} MB/s, ${countOf(chunks, 'chunk')}`,
  ]
  if (report.cost.invocations > 0) lines.push(`cost     ${costText(report.cost)}`)
  if (report.increment !== null) lines.push(`read     ${incrementText(report.increment)}`)
  if (report.trouble !== null) lines.push(`trouble  ${troubleText(report.trouble)}`)
  for (const reason of report.waitsFor) lines.push(`waits    for ${reason}`)
  if (error !== null) lines.push(`error    ${error.code}: ${error.message}`, `next     ${error.advice}`)
  if (report.dirtyRolledBack > 0) lines.push(`dirty    ${rolledBackText(report)}`)
  if (report.dirtyObject !== null)
    lines.push(
      `${report.dirtyRolledBack > 0 ? '        ' : 'dirty   '} oss://${bucket}/${report.dirtyObject}`,
      `         adbpg-sync dirty ${report.runId}`,
    )
  if (report.replayed > 0) lines.push(`replayed ${countText(report.replayed)} of the dirty records`)
  for (const notice of report.notices) lines.push(`notice   ${noticeText(notice)}`)
  lines.push(`look     adbpg-sync status ${report.runId}`)
  return lines.map((line) => wrapped(line, width, 9)).join('\n')
}

function costText({
  currency,
  total,
  requests,
  cu,
  invocations,
  reads,
  writes,
  pricesAsOf,
}: RunReport['cost']): string {
  const asked = `${countText(reads)} reads and ${countText(writes)} writes of OSS`
  const unpriced = requests === null ? ', which have no price here' : ''
  return `${currency} ${total} on the cloud: ${cu} CU, ${countOf(invocations, 'invocation')}; ${asked}${unpriced}; prices of ${pricesAsOf}`
}

const rolledBackText = ({ rows, dirtyRolledBack }: RunReport) =>
  `at least ${countText(dirtyRolledBack)}${rows.dirty > 0 ? ' more' : ''} in chunks that were rolled back: not counted above, as no row of such a chunk is loaded`

function noticeText({ to, outcome, attempts, settledAt, error }: RunReport['notices'][number]): string {
  const at = settledAt === null ? '' : ` at ${settledAt}`
  const tried = attempts === 1 ? '' : `, ${countText(attempts)} attempts`
  return `${to}: ${outcome}${at}${tried}${error === null ? '' : ` (${error.message})`}`
}
