import type { Log, LogFields } from '../../shared/ports/index.ts'

export interface KeptLog extends Log {
  readonly lines: string[]
}

/** Keeps every line, so that a test can say what must be in it, and what must never be. */
export function keptLog(lines: string[] = [], base: LogFields = {}): KeptLog {
  const add =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push(JSON.stringify({ level, message, ...base, ...fields }))
  return {
    lines,
    info: add('info'),
    warn: add('warn'),
    error: add('error'),
    child: (fields) => keptLog(lines, { ...base, ...fields }),
  }
}
