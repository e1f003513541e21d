import type { Log, LogFields } from '../ports/index.ts'

type Level = 'info' | 'warn' | 'error'

/** One JSON line per call, which the log service of the platform indexes by field. A line is cut by it at 32 KB. */
export function jsonLog(write: (line: string) => void, base: LogFields = {}): Log {
  const at =
    (level: Level) =>
    (message: string, fields: LogFields = {}) =>
      write(JSON.stringify({ time: new Date().toISOString(), level, message, ...base, ...fields }))
  return {
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => jsonLog(write, { ...base, ...fields }),
  }
}
