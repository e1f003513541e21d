import { asTransferError } from '../errors/index.ts'
import type { Connection } from '../job/index.ts'
import type { Sql } from '../ports/index.ts'
import { type Capabilities, probeCapabilities } from '../postgres/capabilities.ts'
import { uncapped } from '../run/ends.ts'
import type { Deadline, World } from '../run/world.ts'
import { checked, failedBy, isFine, passed, type Result, skipped } from './finding.ts'
import { checkNetwork, type Place } from './network.ts'
import { openOss } from './oss-session.ts'
import { serverText } from './postgres-rights.ts'
import { openPostgres } from './postgres-session.ts'
import { checkSecret } from './secret.ts'

/** What else to look at in a session that is open. */
export type InSession = (sql: Sql, capabilities: Capabilities) => Promise<readonly Result[]>

/** A look takes no slot of a capped datasource: it would find none while runs are under way. */
export const lookedAt = (connection: Connection): Connection =>
  connection.kind === 'oss' ? connection : uncapped(connection)

/** The way to a server and into it. */
export async function checkConnection(
  world: World,
  given: Connection,
  deadline: Deadline,
  more: InSession = async () => [],
): Promise<Result[]> {
  const connection = lookedAt(given)
  const network = await checkNetwork(placeOf(connection))
  const secret = await checkSecret(world, connection)
  const before = [...network, ...secret]
  if (!isFine(network)) return [...before, skipped('login', 'needs a way to the server')]
  if (!isFine(secret)) return [...before, skipped('login', 'needs the secret')]
  if (connection.kind === 'postgres') return [...before, ...(await inPostgres(world, connection, deadline, more))]
  if (connection.kind === 'oss') return [...before, await openOss(world, connection)]
  return [
    ...before,
    await checked('login', async () => {
      await using _session = await world.connectMysql(connection, deadline.signal)
      return `${connection.user} in ${connection.database}`
    }),
  ]
}

async function inPostgres(
  world: World,
  connection: Extract<Connection, { kind: 'postgres' }>,
  { signal }: Deadline,
  more: InSession,
): Promise<readonly Result[]> {
  const { results, session } = await openPostgres(world, connection, signal)
  if (session === null) return results
  await using sql = session
  try {
    const capabilities = await probeCapabilities(sql)
    return [...results, passed('server', serverText(capabilities)), ...(await more(sql, capabilities))]
  } catch (thrown) {
    return [...results, failedBy('server', asTransferError(thrown))]
  }
}

function placeOf(connection: Connection): Place {
  if (connection.kind !== 'oss') return { host: connection.host, port: connection.port }
  const { hostname, port, protocol } = new URL(connection.endpoint)
  const standard = protocol === 'https:' ? 443 : 80
  return { host: hostOf(hostname, connection.bucket), port: port === '' ? standard : Number(port) }
}

/** OSS answers under the name of the bucket; a server on an address of its own does not. */
const hostOf = (hostname: string, bucket: string) =>
  hostname.endsWith('.aliyuncs.com') ? `${bucket}.${hostname}` : hostname
