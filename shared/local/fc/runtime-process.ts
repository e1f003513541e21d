import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { instanceLog } from './instance-log.ts'

export interface Question {
  /** Of the request; with the phase, it marks the answer and its end in the log. */
  readonly id: string
  readonly phase: 'Initialize' | 'Invoke' | 'PreStop'
  readonly handler: string
  readonly event: Uint8Array
  readonly context: object
}

export interface RuntimeAnswer {
  readonly ok: boolean
  readonly body: Uint8Array
  readonly isJson: boolean
}

/** The process of an instance: asked one question at a time. */
export interface RuntimeProcess {
  readonly pid: number | undefined
  /** The runtime can be asked, or has ended. */
  readonly ready: Promise<void>
  /** Nothing of it is left: process and streams. */
  readonly ended: Promise<void>
  /** false from the moment it is killed: an answer may still come, but nothing more is to be asked. */
  isAlive(): boolean
  /** null: the process ended before it answered. The log is whole by then, either way. */
  ask(question: Question): Promise<RuntimeAnswer | null>
  /** What was written since the last call. */
  takeLog(): string
  kill(): void
  /** Lets it end by itself, which it does once nobody asks any more; killed when it takes too long. */
  dismiss(): Promise<void>
}

/** What Node does at its end, such as writing a profile, takes less. */
const endWithinMs = 2_000

export interface RuntimeOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly memorySize: number
  /** Of Node, such as `--cpu-prof`. */
  readonly nodeOptions: readonly string[]
  /** Where compiled bundles are kept from one instance to the next; null: nowhere. */
  readonly compiledDir: string | null
}

export function startRuntime(options: RuntimeOptions): RuntimeProcess {
  const { environment, memorySize, nodeOptions, compiledDir } = options
  const child = fork(
    fileURLToPath(new URL('bootstrap.mjs', import.meta.url)),
    compiledDir === null ? [] : [compiledDir],
    {
      env: environment,
      execArgv: [`--max-old-space-size=${Math.floor(memorySize * 0.75)}`, ...nodeOptions],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl+C is the server's to handle, and what a function starts is killed with it.
      detached: true,
    },
  )
  const log = instanceLog()
  child.stdout?.setEncoding('utf8').on('data', log.add)
  child.stderr?.setEncoding('utf8').on('data', log.add)
  let dead = false
  let killed = false
  /** What waits for an answer: one listener serves all questions, so a warm instance gathers none. */
  let asked: { question: Question; resolve: (answer: RuntimeAnswer | null) => void } | null = null
  const answer = (given: RuntimeAnswer | null) => {
    asked?.resolve(given)
    asked = null
  }
  const killGroup = () => {
    if (child.pid !== undefined) killQuietly(-child.pid)
  }
  child.once('exit', () => {
    dead = true
    killGroup()
  })
  const ended = new Promise<void>((resolve) => {
    // `close` comes when the streams are at their end too; `error` when there is no process at all.
    child.once('close', resolve)
    child.on('error', () => child.pid === undefined && resolve())
  }).then(() => {
    dead = true
    log.end()
    answer(null)
  })
  const ready = new Promise<void>((resolve) => {
    child.on('message', (message) => {
      if (isReady(message)) resolve()
      else if (asked !== null && isAnswer(message, asked.question))
        void log.untilRead(endMark(asked.question)).then(() => answer(message))
    })
    void ended.then(resolve)
  })

  return {
    pid: child.pid,
    ready,
    ended,
    isAlive: () => !dead && !killed,
    takeLog: log.take,
    async ask(question) {
      if (dead) await ended
      if (dead) return null
      const given = new Promise<RuntimeAnswer | null>((resolve) => {
        asked = { question, resolve }
      })
      // What cannot be sent has nobody to answer it: the end of the process does.
      child.send(question, () => undefined)
      return await given
    },
    kill() {
      killed = true
      if (!dead) killGroup()
    },
    async dismiss() {
      killed = true
      child.kill('SIGTERM')
      const timer = setTimeout(killGroup, endWithinMs)
      await ended
      clearTimeout(timer)
    },
  }
}

const endMark = ({ phase, id }: Question) => `FC ${phase} End RequestId: ${id}\n`

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

const isReady = (message: unknown): boolean => typeof message === 'object' && message !== null && 'ready' in message

const isAnswer = (message: unknown, { id, phase }: Question): message is RuntimeAnswer =>
  typeof message === 'object' &&
  message !== null &&
  'id' in message &&
  message.id === id &&
  'phase' in message &&
  message.phase === phase
