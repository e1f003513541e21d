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
  const append = (functionName: string, line: string) =>
    appendFile(join(dir, `${functionName}.log`), `${line}\n`).catch((error: unknown) =>
      log.warn('a log line of a function is lost', { reason: String(error) }),
    )
  return {
    keep(functionName, requestId, outcome) {
      const line = lineOf(requestId, outcome)
      last = last.then(() => append(functionName, line))
    },
    close: () => last,
  }
}

function lineOf(requestId: string, { errorType, body, durationMs, memoryMb, log }: Outcome): string {
  const time = new Date().toISOString()
  const error = errorType === null ? null : body.toString('utf8')
  return JSON.stringify({ time, requestId, errorType, error, durationMs, memoryMb, log: log.toString('utf8') })
}
