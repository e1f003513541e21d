import { expect, it } from 'vitest'
import { programOf, type Verbs } from '../../shared/cli/main.ts'
import { openOutput } from '../../shared/cli/output.ts'
import { keptLog } from '../support/log.ts'

const verbs: Verbs = {
  environment: {},
  output: openOutput(false, process.stdout, process.stderr),
  log: keptLog(),
  signal: new AbortController().signal,
  withSession: () => Promise.reject(new Error('no session here')),
  readStdin: async () => '',
  exit: () => undefined,
}
const program = programOf(verbs, process)

/** Design §9. */
const promised =
  'up run backfill plan status watermark dirty replay retry stop put ls sql doctor job datasource convert demo'.split(
    ' ',
  )

it('has the verbs that the design promises, and no other', () => {
  expect(program.commands.map((command) => command.name()).sort()).toEqual([...promised].sort())
})

it.each(program.commands)('$_name says what it is for, and answers machines too', (command) => {
  const help = command.helpInformation()
  expect(command.description().length).toBeGreaterThan(20)
  expect(help).toContain(`Usage: adbpg-sync ${command.name()}`)
  expect(help).toContain('--json')
  expect(help).not.toContain('default: []')
  for (const option of command.options) expect(option.description, option.flags).not.toBe('')
})
