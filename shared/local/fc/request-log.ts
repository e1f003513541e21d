import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../ports/index.ts'
import type { Outcome } from './instance.ts'

/** One line a request in a file for each function: how it went, and the last lines it wrote. */
export interface RequestLog {
  keep(functionName: string, requestId: string, outcome: Outcome): void
  /** Resolves when every line is on disk. */
  close(): Promise<void>
}

export function openRequestLog(dir: string, log: Log): RequestLog {
  let last = Promise.resolve()
  /** Lines by function that came while others were being written: in a burst, one write takes many. */
  const waiting = new Map<string, string>()
  const append = (functionName: string, lines: string) =>
    appendFile(join(dir, `${functionName}.log`), lines).catch((error: unknown) =>
      log.warn('log lines of a function are lost', { reason: String(error) }),
    )
  const writeWaiting = async () => {
    const all = [...waiting]
    waiting.clear()
    for (const [functionName, lines] of all) await append(functionName, lines)
  }
  return {
    keep(functionName, requestId, outcome) {
      if (waiting.size === 0) last = last.then(writeWaiting)
      waiting.set(functionName, `${waiting.get(functionName) ?? ''}${lineOf(requestId, outcome)}\n`)
    },
    close: () => last,
  }
}

function lineOf(requestId: string, { errorType, body, durationMs, memoryMb, log }: Outcome): string {
  const time = new Date().toISOString()
  const error = errorType === null ? null : body.toString('utf8')
  return JSON.stringify({ time, requestId, errorType, error, durationMs, memoryMb, log: log.toString('utf8') })
}
