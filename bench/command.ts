import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

export type Words = readonly [command: string, ...args: string[]]

export const isInstalled = (command: string) => spawnSync(command, ['--version']).status === 0

/** Its output goes to /dev/null. @throws what it said when it fails */
export async function finished([command, ...args]: Words): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text
  })
  const [status] = (await once(child, 'close')) as [number]
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${errors.slice(0, 2000)}`)
}

/**
 * What `from` prints, `to` reads: through the kernel, as a pipe through Node would cost CPU that neither has. A shell tells
 * the status of `to` alone, so who calls must count what came.
 */
export const piped = (from: Words, to: Words): Promise<void> =>
  finished(['sh', '-c', `${places(1, from.length)} | ${places(1 + from.length, to.length)}`, 'sh', ...from, ...to])

/** Words as parameters of the shell, which need no quotes of ours. */
const places = (first: number, count: number) =>
  Array.from({ length: count }, (_, index) => `"\${${first + index}}"`).join(' ')
