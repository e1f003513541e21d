import type { Command } from 'commander'
import { resolveDocument } from '../../run/jobs.ts'
import { previewPlan } from '../../run/preview-plan.ts'
import type { Verbs } from '../main.ts'
import { bytesText, countText } from '../output.ts'
import { parametersOf, type RunOptions, readDatasources, readJobArgument } from './run.ts'

const collect = (value: string, before: readonly string[]) => [...before, value]

export function addPlan(program: Command, verbs: Verbs): void {
  program
    .command('plan <job>')
    .description('show how a job would be cut, and why, without running it')
    .option('--param <name=value>', 'value of a parameter of the script; may be repeated', collect, [])
    .option('--datasources <file>', 'JSON file of datasources by name')
    .action((job: string, options: RunOptions) =>
      verbs.withSession(async (session) => {
        const parsed = await readJobArgument(session, job)
        const parameters = parametersOf(options.param)
        const datasources = await readDatasources(options.datasources)
        const occasion = {
          trigger: { type: 'client' } as const,
          scheduledAt: session.world.clock.now(),
          parameters,
          datasources,
        }
        const spec = await resolveDocument(session.world, parsed, occasion)
        const plan = await previewPlan(session.world, spec, session.deadline)
        verbs.output.answer(plan, () => {
          const known = plan.bytes === null ? '' : `, ${bytesText(plan.bytes)}`
          const lines = plan.decisions.map(({ what, why }) => `  ${what}: ${why}`)
          return [
            `${spec.name}: ${countText(plan.pieces)} ${plan.staged ? 'slices' : 'chunks'}${known}`,
            ...lines,
            ...spec.warnings,
          ].join('\n')
        })
        return 0
      }),
    )
}
