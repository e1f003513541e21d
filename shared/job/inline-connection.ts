import type { SecretRef } from '../ports/index.ts'
import type { Connection } from './datasource.ts'
import { type Fault, faultAt, type Path } from './fault.ts'

export type Parameters = Readonly<Record<string, unknown>>

/** Where a literal secret of a script may go; absent, it is a fault. */
export type HoistSecret = (suggestedName: string, value: string) => SecretRef

export interface InlineConnection {
  /** null: faults say why. */
  readonly connection: Connection | null
  /** What is left for the connector's own options. */
  readonly parameters: Parameters
}

export interface InlineOptions {
  readonly path: Path
  readonly hoistSecret: HoistSecret | null
  readonly faults: Fault[]
}

/** DataX writes the connection into the parameters: `connection[0].jdbcUrl` or flat for databases, flat for OSS. */
export function takeConnection(
  kind: Connection['kind'],
  parameters: Parameters,
  options: InlineOptions,
): InlineConnection {
  return kind === 'oss' ? takeOss(parameters, options) : takePostgres(parameters, options)
}

const text = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : null

function takeOss(parameters: Parameters, options: InlineOptions): InlineConnection {
  const { endpoint, region, bucket, accessId, accessKey, ...rest } = parameters
  const named = { endpoint: text(endpoint), bucket: text(bucket) }
  for (const [name, value] of Object.entries(named))
    if (value === null) options.faults.push(missing(options.path, name))
  const secret = secretOf('accessKey', text(accessKey), options)
  const id = text(accessId)
  const credentials = id === null || secret === null ? null : { accessKeyId: id, accessKeySecret: secret }
  if (named.endpoint === null || named.bucket === null) return { connection: null, parameters: rest }
  const url = /^https?:\/\//.test(named.endpoint) ? named.endpoint : `https://${named.endpoint}`
  const found = text(region) ?? /oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com/.exec(url)?.[1] ?? 'cn-hangzhou'
  return {
    connection: { kind: 'oss', endpoint: url, region: found, bucket: named.bucket, credentials },
    parameters: rest,
  }
}

const missing = (path: Path, name: string): Fault =>
  faultAt([...path, name], 'is missing; give it, or name a registered datasource with "datasource"')

function takePostgres(parameters: Parameters, options: InlineOptions): InlineConnection {
  const { connection, username, password, host, port, database, jdbcUrl, ...rest } = parameters
  const inner = firstOf(connection, options)
  const { jdbcUrl: innerUrl, ...moved } = inner
  const place = addressOf({ jdbcUrl: innerUrl ?? jdbcUrl, host, port, database }, options)
  const user = text(username)
  if (user === null) options.faults.push(missing(options.path, 'username'))
  const secret = secretOf('password', text(password), options)
  const left = { ...rest, ...moved }
  if (place === null || user === null) return { connection: null, parameters: left }
  return { connection: { kind: 'postgres', ...place, user, password: secret }, parameters: left }
}

/** Sharded sources list several connections; so far a job has one. */
function firstOf(connection: unknown, { path, faults }: InlineOptions): Parameters {
  if (connection === undefined) return {}
  const list = Array.isArray(connection) ? connection : [connection]
  if (list.length !== 1)
    faults.push(faultAt([...path, 'connection'], `must hold one connection so far, got ${list.length}`))
  const first: unknown = list[0]
  return typeof first === 'object' && first !== null ? (first as Parameters) : {}
}

function addressOf(
  given: { jdbcUrl: unknown; host: unknown; port: unknown; database: unknown },
  { path, faults }: InlineOptions,
) {
  const url = text(Array.isArray(given.jdbcUrl) ? given.jdbcUrl[0] : given.jdbcUrl)
  if (url !== null) return parseJdbc(url, [...path, 'connection', 0, 'jdbcUrl'], faults)
  const [host, database] = [text(given.host), text(given.database)]
  if (host === null) faults.push(missing(path, 'host'))
  if (database === null) faults.push(missing(path, 'database'))
  if (host === null || database === null) return null
  return { host, port: Number(given.port ?? 5432), database, ssl: 'disable' as const }
}

function parseJdbc(url: string, path: Path, faults: Fault[]) {
  const found = /^jdbc:(?:postgresql|pgsql|adbpgsql):\/\/(\[[^\]]+\]|[^:/?]+)(?::(\d+))?\/([^?]+)(?:\?(.*))?$/.exec(url)
  if (found === null) {
    faults.push(faultAt(path, 'must look like jdbc:postgresql://host:5432/database'))
    return null
  }
  const [, host = '', port = '5432', database = '', query = ''] = found
  const settings = new URLSearchParams(query)
  const wantsSsl = settings.get('ssl') === 'true' || settings.has('sslmode')
  const ssl =
    settings.get('sslmode') === 'verify-full'
      ? 'verify-full'
      : wantsSsl && settings.get('sslmode') !== 'disable'
        ? 'require'
        : 'disable'
  return {
    host: host.replaceAll(/[[\]]/g, ''),
    port: Number(port),
    database: decodeURIComponent(database),
    ssl,
  } as const
}

function secretOf(name: string, value: string | null, { path, hoistSecret, faults }: InlineOptions): SecretRef | null {
  if (value === null) return null
  if (isReference(value)) return value
  if (hoistSecret !== null)
    return hoistSecret([...path.filter((step) => typeof step === 'string'), name].join('_'), value)
  faults.push(faultAt([...path, name], 'is a secret in plain text; write a reference: "env:NAME" or "vault:NAME"'))
  return null
}

const isReference = (value: string): value is SecretRef => /^(env|vault):./.test(value)
