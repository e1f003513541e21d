import type { Command } from 'commander'
import { wrapped } from './fit.ts'

/** Where help goes into a pipe. */
export const helpWidth = 80

export interface HelpText {
  /** A command line, after `adbpg-sync`, and what it is for. */
  readonly examples?: readonly (readonly [command: string, what: string])[]
  readonly notes?: readonly string[]
}

/** What follows the options in the help of a verb, as wide as the terminal. */
export const addHelp = (verb: Command, text: HelpText): Command =>
  verb.addHelpText('after', ({ command }) => helpText(text, command.configureOutput().getOutHelpWidth?.() ?? helpWidth))

function helpText({ examples = [], notes = [] }: HelpText, width: number): string {
  const lines = examples.length === 0 ? [] : ['Examples', ...exampleLines(examples, width)]
  const blocks = [lines.join('\n'), notes.map((note) => wrapped(note, width)).join('\n')]
  return `\n${blocks.filter((block) => block !== '').join('\n\n')}`
}

const prompt = '  adbpg-sync '

/** In two columns where all fit, else each with its purpose below. */
function exampleLines(examples: NonNullable<HelpText['examples']>, width: number): string[] {
  const longest = Math.max(...examples.map(([command]) => command.length))
  const inColumns = examples.map(([command, what]) => `${prompt}${command.padEnd(longest)}  ${what}`)
  if (inColumns.every((line) => line.length <= width)) return inColumns
  return examples.flatMap(([command, what]) => [
    wrapped(`${prompt}${command}`, width - 2, 6).replaceAll('\n', ' \\\n'),
    wrapped(`      ${what}`, width, 6),
  ])
}
