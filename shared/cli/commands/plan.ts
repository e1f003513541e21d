import type { Command } from 'commander'
import { previewPlan } from '../../run/preview-plan.ts'
import { wrapped } from '../fit.ts'
import { addHelp } from '../help-text.ts'
import { addJobOptions, type JobOptions, readJobArgument } from '../job-argument.ts'
import type { Verbs } from '../main.ts'
import { bytesText, countText } from '../output.ts'

export function addPlan(program: Command, verbs: Verbs): void {
  const verb = addJobOptions(program.command('plan <job>'))
    .description('show how a job would be cut, and why, without running it')
    .action((job: string, options: JobOptions) =>
      verbs.withSession(async (session) => {
        const { spec } = await readJobArgument(session, job, options)
        const plan = await previewPlan(session.world, spec, session.deadline)
        verbs.output.answer(plan, () => {
          const known = plan.bytes === null ? '' : `, ${bytesText(plan.bytes)}`
          const lines = plan.decisions.map(({ what, why }) => `  ${what}: ${why}`)
          return [
            `${spec.name}: ${countText(plan.pieces)} ${plan.staged ? 'slices' : 'chunks'}${known}`,
            ...lines,
            ...spec.warnings,
          ]
            .map((line) => wrapped(line, verbs.output.width(), 4))
            .join('\n')
        })
        return 0
      }),
    )
  addHelp(verb, {
    notes: ['Each line is a decision with the numbers compared; a run decides by the same function.'],
  })
}
