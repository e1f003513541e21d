import * as z from 'zod'

const SecretRef = z.templateLiteral([z.enum(['env:', 'kms:', 'vault:']), z.string().min(1)])

const maxConnections = z.number().int().min(1).max(1000).exactOptional()

export const OssConnectionOption = z.strictObject({
  kind: z.literal('oss'),
  endpoint: z.string().min(1),
  region: z.string().min(1),
  bucket: z.string().min(3),
  credentials: z.strictObject({ accessKeyId: z.string().min(1), accessKeySecret: SecretRef }).nullable(),
})

export const PostgresConnectionOption = z.strictObject({
  kind: z.literal('postgres'),
  host: z.string().min(1),
  port: z.number().int().min(1).max(65535),
  database: z.string().min(1),
  user: z.string().min(1),
  password: SecretRef.nullable(),
  ssl: z.enum(['disable', 'require', 'verify-full']),
  maxConnections,
})

export const MysqlConnectionOption = z.strictObject({
  kind: z.literal('mysql'),
  host: z.string().min(1),
  port: z.number().int().min(1).max(65535),
  database: z.string().min(1),
  user: z.string().min(1),
  password: SecretRef.nullable(),
  ssl: z.enum(['disable', 'require', 'verify-full']),
  maxConnections,
  // It becomes SQL: nothing but an offset may.
  timeZone: z.string().regex(/^[+-]\d\d:\d\d$/),
  zeroDates: z.enum(['convertToNull', 'exception', 'round']),
})
