import * as z from 'zod'
import type { OssConnection, PostgresConnection, SecretRef } from '../ports/index.ts'

const Secret = z.custom<SecretRef>((value) => typeof value === 'string' && /^(env|vault):./.test(value), {
  message: 'must be a reference, env:NAME or vault:NAME, never the secret itself',
})

const PostgresDatasource = z.object({
  type: z.enum(['adbpg', 'analyticdb_for_postgresql', 'postgresql']),
  host: z.string().min(1),
  port: z.coerce.number().int().min(1).max(65_535).default(5432),
  database: z.string().min(1),
  username: z.string().min(1),
  password: Secret.optional(),
  ssl: z.enum(['disable', 'require', 'verify-full']).default('disable'),
})

const OssDatasource = z.object({
  type: z.literal('oss'),
  endpoint: z.url(),
  region: z.string().min(1).default('cn-hangzhou'),
  bucket: z.string().min(3),
  /** Without keys, those of the function's role. */
  accessId: z.string().min(1).optional(),
  accessKey: Secret.optional(),
})

/** A named connection: `datasources/<name>.json` in the configuration bucket, or a member of a `--datasources` file. */
export const Datasource = z.discriminatedUnion('type', [PostgresDatasource, OssDatasource])
export type Datasource = z.infer<typeof Datasource>
export const DatasourceFile = z.record(z.string().regex(/^[A-Za-z]\w{0,63}$/), Datasource)

export type Connection = OssConnection | PostgresConnection

export function connectionOf(datasource: Datasource): Connection {
  if (datasource.type !== 'oss') {
    const { host, port, database, username, password, ssl } = datasource
    return { kind: 'postgres', host, port, database, user: username, password: password ?? null, ssl }
  }
  const { endpoint, region, bucket, accessId, accessKey } = datasource
  const credentials =
    accessId === undefined || accessKey === undefined ? null : { accessKeyId: accessId, accessKeySecret: accessKey }
  return { kind: 'oss', endpoint, region, bucket, credentials }
}
