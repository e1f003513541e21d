import { type ErrorCode, type ErrorContext, TransferError } from '../errors/index.ts'

/** What node-postgres attaches to an error of the server or of the socket. */
interface PgError {
  readonly code?: string
  /** Only the server gives one. */
  readonly severity?: string
  readonly message: string
  readonly where?: string
  readonly column?: string
  readonly constraint?: string
}

const exactCodes: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'connect/wrong-credentials',
  '28000': 'connect/wrong-credentials',
  '3D000': 'connect/database-missing',
  '42501': 'connect/permission-denied',
  '53300': 'connect/too-many-connections',
  '57P01': 'connect/lost', // terminated by an administrator
  '57P02': 'connect/lost', // crash of another backend
  '57P03': 'connect/unreachable', // starting up or shutting down
  '40001': 'target/busy',
  '40P01': 'target/busy',
  '25006': 'target/read-only', // ADBPG during a minor update (adbpg-and-peers.md A3)
  ECONNREFUSED: 'connect/unreachable',
  ENOTFOUND: 'connect/unreachable',
  EAI_AGAIN: 'connect/unreachable',
  ETIMEDOUT: 'connect/unreachable',
  EHOSTUNREACH: 'connect/unreachable',
  ENETUNREACH: 'connect/unreachable',
  ECONNRESET: 'connect/lost',
  EPIPE: 'connect/lost',
}

/**
 * Any error of a session as a TransferError. The SQLSTATE is in `context.sqlstate`, the line and column that COPY
 * reports in `context.line` and `context.column`. DETAIL stays out: it holds values of rows.
 */
export function asSqlError(thrown: unknown, place: ErrorContext = {}): TransferError {
  if (thrown instanceof TransferError) return thrown
  const error: PgError = thrown instanceof Error ? (thrown as Error & PgError) : { message: String(thrown) }
  const { line, column } = copyPlace(error.where)
  const context = {
    ...place,
    ...(error.code === undefined ? {} : { [isFromServer(error) ? 'sqlstate' : 'reason']: error.code }),
    ...(line === null ? {} : { line }),
    ...(column === null && error.column === undefined ? {} : { column: column ?? error.column ?? null }),
    ...(error.constraint === undefined ? {} : { constraint: error.constraint }),
  }
  return new TransferError(codeOf(error), messageOf(error), context, { cause: thrown })
}

/**
 * The same while a session is being opened: what is not the server's word is about the way to it, such as a certificate,
 * a refused TLS, or a connection closed by something in between.
 */
export function asConnectError(thrown: unknown, place: ErrorContext): TransferError {
  const error = asSqlError(thrown, place)
  if (error.context.sqlstate !== undefined || error.code === 'connect/unreachable') return error
  if (/password must be/.test(error.message))
    return new TransferError('connect/wrong-credentials', error.message, place)
  const message = error.message === '' ? `no session with ${place.host}:${place.port}` : error.message
  return new TransferError('connect/unreachable', message, error.context, { cause: thrown })
}

/** `EPIPE` looks like a SQLSTATE and is none. */
const isFromServer = ({ code, severity }: PgError) => severity !== undefined && /^[0-9A-Z]{5}$/.test(code ?? '')

function codeOf({ code, message }: PgError): ErrorCode {
  if (code === '28000' && /pg_hba\.conf/.test(message)) return 'connect/refused-by-whitelist'
  if (code !== undefined && exactCodes[code] !== undefined) return exactCodes[code]
  if (code?.startsWith('08')) return 'connect/lost'
  if (/timeout expired|timeout exceeded/i.test(message)) return 'connect/unreachable'
  if (/Connection terminated|connection ended|not queryable/i.test(message)) return 'connect/lost'
  return code === undefined ? 'internal/bug' : 'target/sql-failed'
}

/**
 * Class 22 messages, and any other about a value on its way through COPY, quote the value: `invalid input syntax for
 * integer: "…"`, `value "…" is out of range`. Class 22 quotes names too, which stay; class 23 quotes nothing else.
 */
function messageOf({ code = '', message, where }: PgError): string {
  const isData = code.startsWith('22')
  const isInCopy = /^COPY .*, line \d/m.test(where ?? '') && !code.startsWith('23')
  if (!isData && !isInCopy) return message
  const names = /\b(column|relation|constraint|type|encoding|domain|enum|function|parameter) "([^"]*)"/g
  const withoutTail = message.replace(/: ".*$/s, '')
  const marked = isData ? withoutTail.replace(names, '$1 \0$2\0') : withoutTail
  return marked.replace(/".*"/s, '"…"').replaceAll('\0', '"')
}

/** `COPY t, line 2, column id: "x"`: a hint only, as Greenplum 6 reports wrong lines for duplicate keys. */
function copyPlace(where: string | undefined): { line: number | null; column: string | null } {
  const found = /^COPY [^\n]*?, line (\d+)(?:, column ([^:\n]+))?/m.exec(where ?? '')
  return { line: found?.[1] === undefined ? null : Number(found[1]), column: found?.[2] ?? null }
}
