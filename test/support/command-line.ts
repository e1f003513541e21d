import { Readable } from 'node:stream'
import { main } from '../../shared/cli/main.ts'

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Commands next to a stack that is up, without the half second that a process takes to begin. */
export function commandLine(
  environmentOf: (own: Readonly<Record<string, string>>) => Record<string, string | undefined>,
) {
  async function type(
    words: readonly string[],
    own: Readonly<Record<string, string>> = {},
    piped = '',
    onShown: (stderr: string) => void = () => undefined,
  ): Promise<Ended> {
    const texts = { stdout: '', stderr: '' }
    const screen = (name: keyof typeof texts) => ({
      write: (text: string) => {
        texts[name] += text
        onShown(texts.stderr)
      },
    })
    const stdin = Readable.from([piped])
    const terminal = { environment: environmentOf(own), stdin, stdout: screen('stdout'), stderr: screen('stderr') }
    return { code: await main(words, terminal), ...texts }
  }
  async function answerOf(
    words: readonly string[],
    own: Readonly<Record<string, string>> = {},
    piped = '',
    onShown?: (stderr: string) => void,
  ) {
    const { code, stdout, stderr } = await type([...words, '--json'], own, piped, onShown)
    return { code, stderr, answer: JSON.parse(stdout) as Record<string, unknown> }
  }
  return { type, answerOf }
}
