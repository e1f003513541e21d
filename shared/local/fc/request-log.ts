import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Outcome } from './instance.ts'
import type { FcServerOptions } from './server.ts'

/** One line a request, and the last lines the function wrote. */
export function keepLog({ dataDir, log }: FcServerOptions, name: string, requestId: string, outcome: Outcome): void {
  const { errorType, durationMs, memoryMb } = outcome
  const error = errorType === null ? null : outcome.body.toString('utf8')
  const line = JSON.stringify({
    time: new Date().toISOString(),
    requestId,
    errorType,
    error,
    durationMs,
    memoryMb,
    log: outcome.log.toString('utf8'),
  })
  appendFile(join(dataDir, 'logs', `${name}.log`), `${line}\n`).catch((error: unknown) =>
    log.warn('a log line of a function is lost', { reason: String(error) }),
  )
}
