import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startTestFc, type TestFunction } from './fc.ts'

export interface FcProcess {
  readonly endpoint: string
  /** SIGKILL, so that nothing is put in order; resolves when the process is gone. */
  kill(): Promise<void>
}

/** The server in a process of its own, to be killed. */
export async function startFcProcess(
  dir: string,
  functions: Readonly<Record<string, TestFunction>>,
): Promise<FcProcess> {
  const child = fork(fileURLToPath(import.meta.url), [dir, JSON.stringify(functions)], {
    execArgv: ['--import', 'tsx'],
  })
  return {
    endpoint: await firstWord(child),
    async kill() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
    },
  }
}

const firstWord = (child: ChildProcess) =>
  new Promise<string>((resolve, reject) => {
    child.once('message', (endpoint) => resolve(String(endpoint)))
    child.once('exit', () => reject(new Error('the server process is gone')))
  })

async function serve(dir: string, functions: string): Promise<void> {
  const { endpoint } = await startTestFc(dir, JSON.parse(functions) as Record<string, TestFunction>)
  process.on('disconnect', () => process.exit())
  process.send?.(endpoint)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2] ?? '', process.argv[3] ?? '')
