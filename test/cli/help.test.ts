import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { programOf, type Verbs } from '../../shared/cli/main.ts'
import { openOutput } from '../../shared/cli/output.ts'
import { commandLine } from '../support/command-line.ts'
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

/** A stack that anything here would start could not begin. */
const { type } = commandLine(() => ({ ADBPG_SYNC_HOME: '/dev/null/no-stack' }))
const verbsOf = (all: readonly Command[], before: readonly string[] = []): string[][] =>
  all.flatMap((one) => [[...before, one.name()], ...verbsOf(one.commands, [...before, one.name()])])

it.each([[], ...verbsOf(program.commands)].map((words) => [words.join(' '), words] as const))(
  'help of "%s" fits 80 columns, examples included',
  async (_, words) => {
    const { code, stdout } = await type([...words, '--help'])
    expect(code).toBe(0)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  },
)

it.each([
  [['statsu', '--help'], 'statsu', 'status'],
  [['--json', 'statsu', '-h'], 'statsu', 'status'],
  [['help', 'replya'], 'replya', 'replay'],
  [['datasource', 'lst', '--help'], 'lst', 'list'],
])('help of a verb that there is not (%j) names the nearest', async (words, wrong, nearest) => {
  const { code, stdout, stderr } = await type(words)
  expect(code).toBe(2)
  expect(stdout + stderr).toMatch(new RegExp(`unknown command '${wrong}'[^]*Did you mean ${nearest}`))
  expect(stdout + stderr).not.toContain('Usage:')
})

it('help of a verb is help, however it is asked for', async () => {
  for (const words of [
    ['help', 'status'],
    ['status', 'help', '--help'],
    ['--json', 'status', '--help'],
  ])
    expect(await type(words)).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage: adbpg-sync status') })
  expect((await type(['datasource', 'add', '--help'])).stdout).toContain('Usage: adbpg-sync datasource add')
})

/** Each is refused while the command line is read: nothing is started for it. */
it.each([
  [['status', '--limit', 'abc'], /--limit.*whole number from 1 to 1000/],
  [['status', '--limit', '0'], /--limit/],
  [['status', '--limit', '1e3'], /--limit/],
  [['status', '--limit', '1001'], /--limit/],
  [['status', '--state', 'gone'], /--state.*waiting, running, succeeded, failed, stopped/],
  [['status', '--since', 'yesterday'], /--since.*24h, 7d/],
  [['status', '--since', '2026-02-30'], /--since.*24h, 7d/],
  [['status', '--job', 'bad name'], /--job.*1 to 64 letters/],
  [['ls', '--limit', '-1'], /--limit.*whole number/],
  [['dirty', 'r0', '--limit', '1.5'], /--limit.*whole number/],
  [['backfill', 'j', '--from', '20260101', '--parallel', '0'], /--parallel.*1 to 100/],
  [['convert', 'file.json', '--to', 'yaml'], /--to.*datax, dataworks, job/],
])('%j is wrong usage, with what is allowed', async (words, says) => {
  const { code, stdout, stderr } = await type(words)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(says)
  const machine = await type([...words, '--json'])
  expect(machine).toMatchObject({ code: 2, stderr: '' })
  expect(JSON.parse(machine.stdout)).toMatchObject({
    error: { code: 'usage/invalid', message: expect.stringMatching(says) },
  })
})

it('may be read to its first line alone', () => {
  const bin = fileURLToPath(new URL('../../shared/cli/bin.mjs', import.meta.url))
  // Who reads has left before the help is written.
  const script = 'exec 3> >(:); wait $!; "$0" "$1" --help >&3; echo "exit $?" >&2'
  const { stderr } = spawnSync('bash', ['-c', script, process.execPath, bin], { encoding: 'utf8' })
  expect(stderr).toBe('exit 0\n')
})
