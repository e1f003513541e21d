import type { Command } from 'commander'
import { type PlanPreview, previewPlan } from '../../run/preview-plan.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { addJobOptions, type JobArgument, type JobOptions, readJobArgument } from '../job-argument.ts'
import type { Verbs } from '../main.ts'
import { bytesText, countOf, countText } from '../output.ts'

export function addPlan(program: Command, verbs: Verbs): void {
  const verb = addJobOptions(program.command('plan <job>'))
    .description('show what a job would read and write, how it would be cut, and why, without running it')
    .action((job: string, options: JobOptions) =>
      verbs.withSession(async (session) => {
        const { spec, values } = await readJobArgument(session, job, options)
        const plan = await previewPlan(session.world, spec, session.deadline)
        const text = () => planText({ spec, values }, plan, verbs.output.width())
        verbs.output.answer({ parameters: values, ...plan, warnings: spec.warnings }, text)
        return 0
      }),
    )
  addHelp(verb, {
    notes: [
      'First the values that were filled into the script; then a line per decision with the numbers compared; then what is read and the statements that are sent. A run decides by the same functions. --json has up to 100 objects and 10 slices.',
    ],
  })
}

function planText({ spec, values }: Pick<JobArgument, 'spec' | 'values'>, plan: PlanPreview, width: number): string {
  const { pieces, staged, bytes, decisions, objects, reads, writes } = plan
  const known = bytes === null ? '' : `, ${bytesText(bytes)}`
  const fitted = (lines: readonly string[]) => lines.map((line) => wrapped(line, width, 4))
  const filled = Object.entries(values).map(([name, value]) => `${name}=${value}`)
  return [
    ...fitted([
      `${spec.name}: ${countOf(pieces, staged ? 'slice' : 'chunk')}${known}`,
      `  with ${filled.join(', ')}`,
      ...decisions.map(({ what, why }) => `  ${what}: ${why}`),
      `  ${costLine(plan)}`,
    ]),
    // Objects and statements stay as they are, to be copied.
    ...objectLines(objects),
    ...statementLines('read', statementsIn(reads)),
    ...statementLines('before the rows', writes.before),
    ...statementLines('each chunk', writes.chunk),
    ...statementLines('behind the rows', writes.after),
    ...fitted(spec.warnings.map((warning) => `warning: ${warning}`)),
  ].join('\n')
}

function costLine({ cost }: PlanPreview): string {
  if (cost === null) return 'cost: the size of the source is not known before it is read'
  const { currency, total, cu, invocations, assuming, pricesAsOf } = cost
  return `cost: about ${currency} ${total} on the cloud, ${cu} CU and ${countOf(invocations, 'invocation')}: ${assuming}; prices of ${pricesAsOf}`
}

const shownObjects = 10

function objectLines({ count, first }: PlanPreview['objects']): string[] {
  const shown = first.slice(0, shownObjects)
  const lines = shown.map(({ object, etag, bytes }) => `  reads ${object}  ${bytesText(bytes)}  etag ${etag}`)
  return count > shown.length ? [...lines, `  and ${countText(count - shown.length)} more objects`] : lines
}

/** Slices differ by their bounds alone, so one statement shows them all. */
const statementsIn = (reads: PlanPreview['reads']): string[] => {
  const [first] = reads
  return first !== undefined && 'statement' in first ? [first.statement] : []
}

const statementLines = (when: string, statements: readonly string[]): string[] =>
  statements.length === 0 ? [] : [`${when}:`, ...statements.map((statement) => indented(statement))]

const indented = (statement: string) => statement.replaceAll(/^/gm, '    ')
