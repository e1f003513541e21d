import type { Command } from 'commander'
import { runDemo } from '../demo/demo.ts'
import type { Verbs } from '../main.ts'

export function addDemo(program: Command, verbs: Verbs): void {
  program
    .command('demo')
    .description('set everything up from nothing and run the main job on real data')
    .action(async () => verbs.exit(await runDemo(verbs)))
}
