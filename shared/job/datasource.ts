import * as z from 'zod'
import type { MysqlConnection, OssConnection, PostgresConnection, SecretRef } from '../ports/index.ts'
import { fixedOffset } from './fixed-offset.ts'
import { jdbcForm, parseJdbcUrl } from './jdbc-url.ts'
import { defaultZone, isMysqlAddress, mysqlJdbcForm, parseMysqlUrl, zeroDatesOf, zoneAdvice } from './mysql-url.ts'
import { isReference } from './secret-reference.ts'

const Secret = z.custom<SecretRef>((value) => typeof value === 'string' && isReference(value), {
  message: 'must be a reference, "env:NAME", "kms:NAME" or "vault:NAME", never the secret itself',
})

/** Never so many that looking for a free one takes long: each is asked for by itself. */
const MaxConnections = z.coerce.number().int().min(1).max(1000)

/** A name or an address and nothing else: what stands before an `@` may be a password, and would be kept as it is. */
const Host = z
  .string()
  .regex(/^[^\s@/]+$/, 'must be a name or an address alone, without user, password, path or blanks')

const PostgresDatasource = z.strictObject({
  type: z.enum(['adbpg', 'analyticdb_for_postgresql', 'postgresql']),
  host: Host,
  port: z.coerce.number().int().min(1).max(65_535).default(5432),
  database: z.string().min(1),
  username: z.string().min(1),
  password: Secret.optional(),
  ssl: z.enum(['disable', 'require', 'verify-full']).default('disable'),
  maxConnections: MaxConnections.optional(),
})

const MysqlDatasource = z.strictObject({
  type: z.enum(['mysql', 'mariadb', 'polardb', 'apsaradb_for_mysql']),
  host: Host,
  port: z.coerce.number().int().min(1).max(65_535).default(3306),
  database: z.string().min(1),
  username: z.string().min(1),
  password: Secret.optional(),
  ssl: z.enum(['disable', 'require', 'verify-full']).default('disable'),
  maxConnections: MaxConnections.optional(),
  /** The zone of wall-clock times without an offset: `serverTimezone` of a URL. */
  timeZone: z
    .string()
    .default(defaultZone)
    .transform((zone, context) => {
      const offset = fixedOffset(zone)
      if (offset === null) context.addIssue({ code: 'custom', message: zoneAdvice(zone) })
      return offset ?? defaultZone
    }),
  zeroDateTimeBehavior: z
    .string()
    .default('convertToNull')
    .transform((text, context) => {
      const known = zeroDatesOf(text)
      if (known === null) context.addIssue({ code: 'custom', message: 'must be convertToNull, exception or round' })
      return known ?? 'convertToNull'
    }),
})

const OssDatasource = z
  .strictObject({
    type: z.literal('oss'),
    endpoint: z.preprocess(
      (value) => (typeof value === 'string' ? (endpointUrl(value) ?? value) : value),
      z.url({ protocol: /^https?$/ }),
    ),
    region: z.string().min(1),
    bucket: z.string().min(3),
    /** Without keys, those of the function's role. */
    accessId: z.string().min(1).optional(),
    accessKey: Secret.optional(),
  })
  .refine(({ accessId, accessKey }) => (accessId === undefined) === (accessKey === undefined), {
    path: ['accessKey'],
    message: 'accessId and accessKey go together',
  })

/**
 * A named connection under our own names: what `readDatasource` makes of the forms that people and DataWorks write. A
 * database may be given by `url` (or `jdbcUrl`) in the place of host, port and database, and an OSS region may be left to
 * its endpoint.
 */
export const Datasource = z.preprocess(
  withParts,
  z.discriminatedUnion('type', [PostgresDatasource, MysqlDatasource, OssDatasource]),
)
export type Datasource = z.infer<typeof Datasource>
export const DatasourceName = z
  .string()
  .regex(/^[A-Za-z]\w{0,63}$/, 'a datasource name has 1 to 64 letters, digits and _, and begins with a letter')

function withParts(value: unknown, context: z.core.$RefinementCtx): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { url, jdbcUrl, ...rest } = value as Readonly<Record<string, unknown>>
  if (rest.type === 'oss') return { region: typeof rest.endpoint === 'string' ? regionOf(rest.endpoint) : '', ...value }
  const given = jdbcUrl ?? url
  if (given === undefined) return value
  const field = jdbcUrl === undefined ? 'url' : 'jdbcUrl'
  const mysql = MysqlDatasource.shape.type.safeParse(rest.type).success
  const parsed = typeof given !== 'string' ? null : mysql ? parseMysqlUrl(given) : parseJdbcUrl(given)
  if (parsed === null) return refused(context, field, `must look like ${mysql ? mysqlJdbcForm : jdbcForm}`)
  if (typeof parsed === 'string') return refused(context, field, parsed)
  if (parsed.password !== undefined)
    return refused(context, field, 'holds a password; give it as "password": "env:NAME"')
  if (parsed.unheard !== null)
    return refused(context, field, `has ${parsed.unheard}, which is not sent to the server; name the schema in the job`)
  const { host, port, database, ssl, user } = parsed
  const times = isMysqlAddress(parsed) ? { timeZone: parsed.timeZone, zeroDateTimeBehavior: parsed.zeroDates } : {}
  return { host, port, database, ssl, ...times, ...(user === undefined ? {} : { username: user }), ...rest }
}

function refused(context: z.core.$RefinementCtx, field: string, message: string): unknown {
  context.addIssue({ code: 'custom', path: [field], message })
  return z.NEVER
}

/** With a scheme; null when it is no address at all. */
export function endpointUrl(endpoint: string): string | null {
  const url = /^https?:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`
  return /^https?:\/\/[^\s/?#@]+\/?$/i.test(url) && URL.canParse(url) ? url.replace(/\/$/, '') : null
}

/** `https://oss-cn-hangzhou-internal.aliyuncs.com` tells its region; other addresses are served by one that does not check it. */
export const regionOf = (endpoint: string): string =>
  /oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com/.exec(endpoint)?.[1] ?? 'cn-hangzhou'

export type Connection = OssConnection | PostgresConnection | MysqlConnection

export function connectionOf(datasource: Datasource): Connection {
  if (datasource.type !== 'oss') {
    const { host, port, database, username, password, ssl, maxConnections } = datasource
    const cap = maxConnections === undefined ? {} : { maxConnections }
    const account = { host, port, database, user: username, password: password ?? null, ssl, ...cap }
    if (!('timeZone' in datasource)) return { kind: 'postgres', ...account }
    return { kind: 'mysql', ...account, timeZone: datasource.timeZone, zeroDates: datasource.zeroDateTimeBehavior }
  }
  const { endpoint, region, bucket, accessId, accessKey } = datasource
  const credentials =
    accessId === undefined || accessKey === undefined ? null : { accessKeyId: accessId, accessKeySecret: accessKey }
  return { kind: 'oss', endpoint, region, bucket, credentials }
}
