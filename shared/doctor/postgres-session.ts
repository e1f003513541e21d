import { asTransferError, type TransferError } from '../errors/index.ts'
import type { PostgresConnection, SqlSession } from '../ports/index.ts'
import type { World } from '../run/world.ts'
import { failed, failedBy, passed, type Result, skipped, warned } from './finding.ts'

export interface Opened {
  readonly results: readonly Result[]
  /** null: one of the results says why. The caller disposes of it. */
  readonly session: SqlSession | null
}

type Connector = Pick<World, 'connectSql'>

/**
 * Whitelist, TLS and login are one handshake: where it breaks off tells which of them is in the way.
 * The server of ADBPG refuses an address as PostgreSQL does, by `no pg_hba.conf entry`.
 */
export async function openPostgres(
  world: Connector,
  connection: PostgresConnection,
  signal: AbortSignal,
): Promise<Opened> {
  try {
    const session = await world.connectSql(connection, signal)
    return { results: await resultsOf(session, connection), session }
  } catch (thrown) {
    return { results: await explained(world, connection, signal, asTransferError(thrown)), session: null }
  }
}

async function resultsOf(session: SqlSession, { user, ssl }: PostgresConnection): Promise<Result[]> {
  const { rows } = await session.query<{ address: string | null; ssl: string; name: string }>(
    `select host(inet_client_addr()) as address, current_setting('ssl') as ssl, current_database()::text as name`,
  )
  const [row] = rows
  return [
    passed('whitelist', `the server takes ${row?.address ?? 'this machine'}`),
    tlsResult(ssl, row?.ssl === 'on'),
    passed('login', `${user} in ${row?.name}`),
  ]
}

function tlsResult(ssl: PostgresConnection['ssl'], isOffered: boolean): Result {
  if (ssl === 'verify-full') return passed('tls', 'encrypted, and the certificate of the server is checked')
  if (ssl === 'require') return passed('tls', 'encrypted; verify-full would check who answers, too')
  if (!isOffered) return passed('tls', 'not used, and not offered by the server')
  return warned('tls', 'not used, though the server offers it', 'Set ssl of the datasource to require.')
}

const needsHandshake = 'needs the server to answer'

async function explained(
  world: Connector,
  connection: PostgresConnection,
  signal: AbortSignal,
  error: TransferError,
): Promise<Result[]> {
  if (error.code === 'connect/refused-by-whitelist') return await refusedResults(world, connection, signal, error)
  const tls = tlsFault(error)
  if (tls !== null) return [skipped('whitelist', needsHandshake), tls, skipped('login', needsHandshake)]
  if (error.context.sqlstate === undefined) return silentResults(error)
  return [
    passed('whitelist', 'the server takes this address'),
    passed('tls', 'not in the way'),
    failedBy('login', error, loginAdvice(error, connection)),
  ]
}

/** What the server itself has said; undefined: the advice of the error will do. */
function loginAdvice({ code, context, message }: TransferError, connection: PostgresConnection): string | undefined {
  const { user, database } = connection
  if (context.sqlstate === '57P03') return 'The server starts up or shuts down: look again in a minute.'
  if (code === 'connect/database-missing')
    // The server looks for the database once it has let the user in.
    return `Create database ${database}, or correct the database of the datasource; user name and password are right.`
  if (/role ".*" does not exist/.test(message)) return `Correct user ${user} of the datasource, or create it.`
  if (/not permitted to log in/.test(message)) return `As an administrator: alter role ${user} login.`
  if (context.sqlstate === '42501') return `As its owner: grant connect on database ${database} to ${user}.`
  return undefined
}

/** The way is open, yet nobody speaks: a proxy or a port of something else. */
const silentResults = (error: TransferError): Result[] => [
  failedBy(
    'whitelist',
    error,
    'The port is open but no PostgreSQL answers: check the port, the whitelist of a proxy before the instance, and that the instance runs.',
  ),
  skipped('tls', needsHandshake),
  skipped('login', needsHandshake),
]

/** A rule for encrypted connections alone refuses the others in the same words: whether TLS is taken tells them apart. */
async function refusedResults(
  world: Connector,
  connection: PostgresConnection,
  signal: AbortSignal,
  error: TransferError,
): Promise<Result[]> {
  const login = skipped('login', needsHandshake)
  if (connection.ssl === 'disable' && (await takesTls(world, connection, signal))) {
    const tls = failed(
      'tls',
      `the server takes ${connection.user} over TLS only`,
      'Set ssl of the datasource to require.',
    )
    return [passed('whitelist', 'the server takes this address over TLS'), tls, login]
  }
  const address = /for host "([^"]+)"/.exec(error.message)?.[1]
  const whom =
    address === undefined
      ? 'the CIDR of the vSwitch of the functions'
      : `${address}, or the CIDR of the vSwitch it belongs to,`
  const next = `Add ${whom} to the whitelist of the instance (pg_hba.conf of a server of your own) for user ${connection.user} and database ${connection.database}.`
  return [failedBy('whitelist', error, next), skipped('tls', needsHandshake), login]
}

async function takesTls(world: Connector, connection: PostgresConnection, signal: AbortSignal): Promise<boolean> {
  try {
    await using _session = await world.connectSql({ ...connection, ssl: 'require' }, signal)
    return true
  } catch (thrown) {
    const { code, context } = asTransferError(thrown)
    return code !== 'connect/refused-by-whitelist' && context.sqlstate !== undefined
  }
}

function tlsFault(error: TransferError): Result | null {
  if (/does not support SSL/i.test(error.message))
    return failedBy('tls', error, 'Switch on SSL of the instance, or set ssl of the datasource to disable.')
  const reason = String(error.context.reason ?? '')
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(reason))
    return failedBy(
      'tls',
      error,
      'The certificate is not one that this machine trusts for this host: renew it, use the name it was made for, or set ssl to require.',
    )
  return /^(ERR_SSL|EPROTO)/.test(reason)
    ? failedBy('tls', error, 'The server and this client have no TLS in common.')
    : null
}
