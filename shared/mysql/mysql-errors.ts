import { type ErrorCode, type ErrorContext, TransferError } from '../errors/index.ts'

/** What mysql2 attaches to an error of the server (`errno`, `sqlState`) or of the socket (`code`). */
interface DriverError {
  readonly message: string
  readonly code?: string
  readonly errno?: number
  readonly sqlState?: string
  readonly fatal?: boolean
}

const among = (code: ErrorCode, numbers: readonly number[]) => numbers.map((number) => [number, code] as const)

/*
 * https://mariadb.com/docs/server/reference/error-codes and the server error reference of MySQL 8. The SQLSTATE does not
 * tell enough: HY000 stands for a wrong value (1366) as well as for a server that is read-only (1290).
 */
const serverCodes: ReadonlyMap<number, ErrorCode> = new Map([
  ...among('connect/wrong-credentials', [1045, 1698, 1862, 3118]),
  ...among('connect/database-missing', [1049]),
  ...among('connect/refused-by-whitelist', [1130, 1129]),
  ...among('connect/too-many-connections', [1040, 1203, 1226]),
  ...among('connect/permission-denied', [1044, 1142, 1143, 1227, 1370]),
  ...among('connect/unreachable', [1053]),
  ...among('connect/lost', [1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 3169, 4031]),
  ...among('target/busy', [1205, 1213, 1020, 3572]),
  ...among('target/read-only', [1290, 1792, 1836]),
  ...among('target/table-missing', [1146, 1051]),
  ...among('target/column-missing', [1054]),
  // Values: too long, out of range, wrong for the type, of a character set that lacks them.
  ...among(
    'record/format',
    [1406, 1264, 1366, 1292, 1265, 1367, 1411, 1300, 1441, 1690, 1416, 1525, 3037, 3140, 3141, 3156],
  ),
  // Rows: null, duplicate key, foreign key, check, no partition, refused by a trigger.
  ...among(
    'record/constraint',
    [1048, 1364, 1062, 1586, 1022, 1169, 1452, 1216, 3819, 4025, 1526, 1748, 1644, 1118, 1071],
  ),
])

const socketCodes: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'connect/unreachable',
  ENOTFOUND: 'connect/unreachable',
  EAI_AGAIN: 'connect/unreachable',
  ETIMEDOUT: 'connect/unreachable',
  EHOSTUNREACH: 'connect/unreachable',
  ENETUNREACH: 'connect/unreachable',
  HANDSHAKE_SSL_ERROR: 'connect/unreachable',
  HANDSHAKE_NO_SSL_SUPPORT: 'connect/unreachable',
  ECONNRESET: 'connect/lost',
  EPIPE: 'connect/lost',
  PROTOCOL_CONNECTION_LOST: 'connect/lost',
}

/** Any error of a session. The line that an INSERT reports is in `context.line`, its column in `context.column`. */
export function asMysqlError(thrown: unknown, place: ErrorContext = {}): TransferError {
  if (thrown instanceof TransferError) return thrown
  const error: DriverError = thrown instanceof Error ? (thrown as Error & DriverError) : { message: String(thrown) }
  const column = /\bcolumn [`'](?:[^`']*`\.`)*([^`']*)[`']/i.exec(error.message)?.[1]
  const line = /\bat row (\d+)$/.exec(error.message)?.[1]
  const context = {
    ...place,
    ...(error.sqlState === undefined ? {} : { sqlstate: error.sqlState }),
    ...(error.sqlState === undefined || error.errno === undefined ? {} : { errno: error.errno }),
    ...(error.sqlState === undefined && error.code !== undefined ? { reason: error.code } : {}),
    ...(line === undefined ? {} : { line: Number(line) }),
    ...(column === undefined ? {} : { column }),
  }
  return new TransferError(codeOf(error), messageOf(error), context, { cause: causeOf(thrown) })
}

/** The driver keeps the whole statement with the error: rows, in our case. */
function causeOf(thrown: unknown): unknown {
  if (thrown instanceof Error) {
    Reflect.deleteProperty(thrown, 'sql')
    Reflect.deleteProperty(thrown, 'sqlMessage')
    thrown.message = messageOf(thrown)
    const [, ...stack] = (thrown.stack ?? '').split(/\n(?= {4}at )/)
    thrown.stack = [`${thrown.name}: ${thrown.message}`, ...stack].join('\n')
  }
  return thrown
}

function codeOf({ errno, code, sqlState, fatal, message }: DriverError): ErrorCode {
  if (sqlState !== undefined && errno !== undefined) return serverCodes.get(errno) ?? 'target/sql-failed'
  const known = code === undefined ? undefined : socketCodes[code]
  if (known !== undefined) return known
  // What the driver refuses to do with a connection that has ended carries no code.
  return fatal === true || /closed state|Connection lost/i.test(message) ? 'connect/lost' : 'internal/bug'
}

/**
 * `Duplicate entry 'x' for key 'PRIMARY'`, `Incorrect integer value: 'x' for column …`: values of rows stay out, whatever
 * they hold; names stay.
 */
function messageOf({ message }: Pick<DriverError, 'message'>): string {
  const beforeName = message.replace(/\b(entry|value:?|value is) '.*'(?= for (key|column|function) )/s, '$1 …')
  return beforeName === message ? message.replace(/\b(value:?|value is) '.*'/s, '$1 …') : beforeName
}
