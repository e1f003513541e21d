import type { MysqlConnection, OssConnection, PostgresConnection } from '../ports/index.ts'
import { type Connection, endpointUrl, regionOf } from './datasource.ts'
import { type Fault, faultAt, faultOf, type Path, warningAt } from './fault.ts'
import { type JdbcAddress, jdbcForm, parseJdbcUrl } from './jdbc-url.ts'
import { isBlank, isScriptObject, type Member } from './members.ts'
import { defaultZone, mysqlJdbcForm, parseMysqlUrl } from './mysql-url.ts'
import { type HoistSecret, secretAt } from './secret-reference.ts'

/** By the names below; each knows where the user wrote it. */
export type ConnectionMembers = ReadonlyMap<string, Member>

/** Parameters of DataX that make a connection, by the kind of it (dataworks-datax.md §3.2, §3.3, §3.5). */
export const connectionNames: Readonly<Record<Connection['kind'], readonly string[]>> = {
  oss: ['endpoint', 'region', 'bucket', 'accessId', 'accessKey'],
  postgres: ['jdbcUrl', 'host', 'port', 'database', 'username', 'password'],
  mysql: ['jdbcUrl', 'host', 'port', 'database', 'username', 'password'],
}

export interface InlineOptions {
  /** The place of the parameters, where nothing closer is known. */
  readonly path: Path
  readonly hoistSecret: HoistSecret | null
  readonly faults: Fault[]
}

/** The connection that a script writes out, or null: faults say why. */
export function inlineConnection(
  kind: Connection['kind'],
  members: ConnectionMembers,
  options: InlineOptions,
): Connection | null {
  if (kind === 'oss') return inlineOss(members, options)
  return kind === 'mysql' ? inlineMysql(members, options) : inlinePostgres(members, options)
}

function textAt(members: ConnectionMembers, name: string, { faults }: InlineOptions): string | null {
  const member = members.get(name)
  if (member === undefined || isBlank(member.value)) return null
  if (typeof member.value === 'string' || typeof member.value === 'number') return String(member.value).trim()
  faults.push(faultOf(member.path, member.value, 'must be a text'))
  return null
}

function requiredAt(members: ConnectionMembers, name: string, options: InlineOptions): string | null {
  const found = textAt(members, name, options)
  if (found !== null && found !== '') return found
  if (isBlank(members.get(name)?.value)) options.faults.push(missing([...options.path, name]))
  return null
}

const missing = (path: Path): Fault =>
  faultAt(path, 'is missing; give it, or name a registered datasource with "datasource"')

function inlineOss(members: ConnectionMembers, options: InlineOptions): OssConnection | null {
  const [endpoint, bucket] = [requiredAt(members, 'endpoint', options), requiredAt(members, 'bucket', options)]
  const url = endpoint === null ? null : endpointUrl(endpoint)
  if (endpoint !== null && url === null)
    options.faults.push(
      faultOf(placeOf(members, 'endpoint', options), endpoint, 'must look like https://oss-cn-hangzhou.aliyuncs.com'),
    )
  const credentials = ossCredentials(members, options)
  if (url === null || bucket === null || credentials === undefined) return null
  const region = textAt(members, 'region', options) ?? regionOf(url)
  return { kind: 'oss', endpoint: url, region, bucket, credentials }
}

const placeOf = (members: ConnectionMembers, name: string, { path }: InlineOptions): Path =>
  members.get(name)?.path ?? [...path, name]

/** Without keys, those of the function's role: half a pair must not fall back to them. undefined: a fault says why. */
function ossCredentials(members: ConnectionMembers, options: InlineOptions): OssConnection['credentials'] | undefined {
  const before = options.faults.length
  const accessKeyId = textAt(members, 'accessId', options)
  const accessKeySecret = secretOf(members, 'accessKey', options)
  if (options.faults.length > before) return undefined
  if (accessKeyId === null && accessKeySecret === null) return null
  if (accessKeyId !== null && accessKeySecret !== null) return { accessKeyId, accessKeySecret }
  const absent = accessKeyId === null ? 'accessId' : 'accessKey'
  options.faults.push(faultAt([...options.path, absent], 'is missing: accessId and accessKey go together'))
  return undefined
}

const secretOf = (members: ConnectionMembers, name: string, options: InlineOptions) =>
  secretAt(members.get(name)?.value, placeOf(members, name, options), options.hoistSecret, options.faults)

type Address = Pick<PostgresConnection, 'host' | 'port' | 'database' | 'ssl'> & { readonly user?: string | undefined }

interface UrlKind<A extends JdbcAddress> {
  readonly form: string
  /** A text says what of the URL cannot be; null: it has not the form. */
  readonly parse: (url: string) => A | string | null
}

function inlinePostgres(members: ConnectionMembers, options: InlineOptions): PostgresConnection | null {
  const isUrl = !isBlank(members.get('jdbcUrl')?.value)
  const found = inlineDatabase(members, options, () =>
    isUrl
      ? addressOfUrl({ form: jdbcForm, parse: parseJdbcUrl }, members, options)
      : addressOfParts('5432', members, options),
  )
  if (found === null) return null
  const { host, port, database, ssl, user, password } = found
  return { kind: 'postgres', host, port, database, user, password, ssl }
}

function inlineMysql(members: ConnectionMembers, options: InlineOptions): MysqlConnection | null {
  const isUrl = !isBlank(members.get('jdbcUrl')?.value)
  const found = inlineDatabase(members, options, () => {
    if (isUrl) return addressOfUrl({ form: mysqlJdbcForm, parse: parseMysqlUrl }, members, options)
    const parts = addressOfParts('3306', members, options)
    return parts === null ? null : { ...parts, timeZone: defaultZone, zeroDates: 'convertToNull' as const }
  })
  if (found === null) return null
  const { host, port, database, ssl, user, password, timeZone, zeroDates } = found
  return { kind: 'mysql', host, port, database, user, password, ssl, timeZone, zeroDates }
}

function inlineDatabase<A extends Address>(members: ConnectionMembers, options: InlineOptions, read: () => A | null) {
  const before = options.faults.length
  const address = read()
  const given = textAt(members, 'username', options)
  const user = given ?? address?.user ?? null
  if (address !== null) tellBesideUrl(members, address, options)
  if (user === null && address !== null) options.faults.push(missing([...options.path, 'username']))
  const password = secretOf(members, 'password', options)
  if (address === null || user === null || options.faults.slice(before).some((fault) => fault.severity === 'error')) {
    return null
  }
  return { ...address, user, password }
}

/** Of two addresses one counts; that it is another than the author meant must not be luck. */
function tellBesideUrl(members: ConnectionMembers, address: Address, { faults }: InlineOptions): void {
  if (isBlank(members.get('jdbcUrl')?.value)) return
  for (const name of ['host', 'port', 'database'] as const) {
    const member = members.get(name)
    if (member === undefined || isBlank(member.value) || String(member.value) === String(address[name])) continue
    faults.push(warningAt(member.path, 'has no effect beside jdbcUrl, which says something else'))
  }
  const user = members.get('username')
  if (address.user !== undefined && user !== undefined && !isBlank(user.value) && user.value !== address.user)
    faults.push(warningAt(user.path, 'counts, and not the user of jdbcUrl, which is another'))
}

function addressOfUrl<A extends JdbcAddress>(
  kind: UrlKind<A>,
  members: ConnectionMembers,
  options: InlineOptions,
): A | null {
  const member = members.get('jdbcUrl') ?? { value: undefined, path: options.path }
  const list: unknown[] = Array.isArray(member.value) ? member.value : [member.value]
  const path = Array.isArray(member.value) ? [...member.path, 0] : member.path
  if (list.length > 1)
    options.faults.push(
      warningAt(member.path, 'lists several addresses; the first is used, where DataX takes any that answers'),
    )
  const [first] = list
  const parsed = typeof first === 'string' ? kind.parse(first) : null
  if (parsed === null || typeof parsed === 'string') {
    options.faults.push(parsed === null ? faultOf(path, first, `must look like ${kind.form}`) : faultAt(path, parsed))
    return null
  }
  if (parsed.unheard !== null)
    options.faults.push(
      faultAt(
        path,
        `${parsed.unheard} in an address is not sent to the server; name the schema with "schema", or in table`,
        'job/unsupported',
      ),
    )
  if (parsed.password !== undefined)
    options.faults.push(
      faultAt(
        path,
        'holds a password; take it out and give "password": "env:NAME", "kms:NAME" or "vault:NAME"',
        'job/literal-secret',
      ),
    )
  return parsed
}

function addressOfParts(defaultPort: string, members: ConnectionMembers, options: InlineOptions): Address | null {
  const [host, database] = [requiredAt(members, 'host', options), requiredAt(members, 'database', options)]
  const port = textAt(members, 'port', options) ?? defaultPort
  const isPort = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
  if (!isPort)
    options.faults.push(faultOf(placeOf(members, 'port', options), port, 'must be a port, a number from 1 to 65535'))
  const isHost = host === null || /^[^\s/:@]+$|^[0-9a-fA-F:.]+$/.test(host)
  if (!isHost)
    options.faults.push(
      faultOf(placeOf(members, 'host', options), host, 'must be a host name alone, without port or path'),
    )
  if (host === null || database === null || !isPort || !isHost) return null
  return { host, port: Number(port), database, ssl: 'disable' }
}

/** What a script says beside a datasource must agree with it: which of the two is meant would be a guess. */
export function refuseContradiction(
  connection: Connection,
  members: ConnectionMembers,
  datasource: string,
  faults: Fault[],
): void {
  const { username, accessId, ...same } = {
    username: 'user',
    accessId: 'accessKeyId',
    host: 'host',
    port: 'port',
    database: 'database',
    endpoint: 'endpoint',
    region: 'region',
    bucket: 'bucket',
  }
  const fields: Readonly<Record<string, unknown>> = {
    ...connection,
    ...(connection.kind === 'oss' ? connection.credentials : {}),
  }
  const aliases: Readonly<Record<string, string>> = { ...same, username, accessId }
  for (const [name, { value, path }] of members) {
    if (isBlank(value)) continue
    const agrees = !isScriptObject(value) && String(value) === String(fields[aliases[name] ?? ''])
    if (agrees) continue
    faults.push(faultAt(path, `stands beside datasource ${datasource} and says something else; keep one of the two`))
  }
}
