import type { Command } from 'commander'
import { TransferError } from '../../errors/index.ts'
import { setWatermark, showWatermark, type Watermark } from '../../run/watermark.ts'
import { fittedTable, wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { addJobOptions, type JobOptions, readJobArgument } from '../job-argument.ts'
import type { ExitCode, Verbs } from '../main.ts'
import type { Session } from '../session.ts'

interface WatermarkOptions extends JobOptions {
  readonly set?: string
  readonly reset?: boolean
}

const help = {
  examples: [
    ['watermark orders', 'what the runs of the job have read up to'],
    ["watermark orders --set '2026-11-01 00:00:00'", 'the next run reads what is greater'],
    ['watermark orders --reset', 'the next run begins as the first one did'],
  ],
  notes: [
    'A run moves the mark in the transaction that ends it with success; one that fails leaves it.',
    'Going back reads rows once more: they are there twice unless the writer replaces them by their key (writeMode).',
    'While a run of the job is open, the mark cannot be changed: wait for it, or stop it.',
  ],
} as const

export function addWatermark(program: Command, verbs: Verbs): void {
  const verb = addJobOptions(program.command('watermark <job>'))
    .description('show or change how far an incremental job has read')
    .option('--set <value>', 'go on behind this value, written as the source writes it')
    .option('--reset', 'begin again at `incremental.from`, or at the first row')
    .action((job: string, options: WatermarkOptions) =>
      verbs.withSession((session) => watermark(verbs, session, job, options)),
    )
  addHelp(verb, help)
}

async function watermark(
  { output }: Verbs,
  session: Session,
  job: string,
  options: WatermarkOptions,
): Promise<ExitCode> {
  const { world, deadline } = session
  if (options.set !== undefined && options.reset === true)
    throw new TransferError('usage/invalid', 'give --set or --reset, not both')
  const { spec } = await readJobArgument(session, job, options)
  const isChange = options.set !== undefined || options.reset === true
  const found = isChange
    ? await setWatermark(world, spec, options.set ?? null, deadline)
    : await showWatermark(world, spec, deadline)
  const { ledger: _, ...answer } = found
  output.answer(answer, () => textOf(found, output.width()))
  return 0
}

/** The source of a mark where it is another than the job reads now. */
function textOf({ job, source, marks, openRun }: Watermark, width: number): string {
  const isMoved = marks.some((mark) => mark.source !== source)
  const rows = marks.map((mark) => [
    mark.value ?? '(reset)',
    mark.runId ?? 'hand',
    mark.at.toISOString().replace(/\.\d+Z$/, 'Z'),
    ...(isMoved ? [mark.source] : []),
  ])
  const head = ['mark', 'left by', 'at', ...(isMoved ? ['source'] : [])]
  const none = marks.length === 0 ? '; no run has left a mark yet' : ''
  const open = openRun === null ? [] : [`run ${openRun} is open and reads on from the mark`]
  return [
    wrapped(`job ${job} reads ${source}${none}`, width, 2),
    ...(marks.length === 0 ? [] : [fittedTable(head, rows, width, ['left by'])]),
    ...open,
  ].join('\n')
}
