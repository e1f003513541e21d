import type { ErrorReport } from '../errors/index.ts'

/** One version of an object. `etag` is upper-case hex without quotes, the form OSS events carry. */
export interface ObjectHead {
  readonly key: string
  readonly etag: string
  readonly size: number
  readonly lastModified: Date
  readonly metadata: Readonly<Record<string, string>>
}

export interface PutOptions {
  /** Refuses with `target/object-exists` instead of replacing. */
  readonly ifAbsent?: boolean
  readonly metadata?: Readonly<Record<string, string>>
  readonly contentType?: string
  readonly signal?: AbortSignal
}

/** One bucket. Every method throws TransferError: `connect/*`, `source/bucket-missing`, `platform/throttled`, `platform/unavailable`. */
export interface ObjectStore {
  readonly bucket: string
  /** null when the object does not exist. */
  head(key: string): Promise<ObjectHead | null>
  /** In UTF-8 order of keys, page by page. `metadata` is empty here: a listing does not carry it. */
  list(prefix: string): AsyncIterable<ObjectHead>
  /**
   * The bytes `start` (inclusive) to `end` (exclusive) of the version `etag`.
   * @param range `lent`: each piece is valid until the next is asked for, which costs a third of the CPU
   * @throws source/object-missing, source/object-changed (another etag), connect/lost (cut short; never silent)
   */
  readRange(
    key: string,
    range: { start: number; end: number; etag: string; signal?: AbortSignal; lent?: boolean },
  ): AsyncIterable<Uint8Array>
  /** A small object whole, with its version; null when it does not exist. */
  read(key: string, maxBytes: number): Promise<{ body: Buffer; etag: string } | null>
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<{ etag: string }>
  /** Multipart underneath: visible whole or not at all, in bounded memory. An empty body gives an empty object. */
  putStream(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options?: PutOptions & { partBytes?: number },
  ): Promise<{ etag: string; size: number }>
  /**
   * Uploads everything and shows nothing: the object appears with `completeUpload`. Lets a ledger row decide which of two
   * attempts is published. `body` must not be empty; a piece of it may lie in memory that is used again once the next is asked for.
   */
  prepareUpload(
    key: string,
    body: AsyncIterable<Uint8Array>,
    options?: Omit<PutOptions, 'ifAbsent'> & { partBytes?: number },
  ): Promise<{ uploadId: string; size: number }>
  /** Idempotent: an upload that was completed before is not an error. @throws source/object-missing when it was aborted */
  completeUpload(key: string, uploadId: string): Promise<void>
  /** Idempotent. */
  abortUpload(key: string, uploadId: string): Promise<void>
  /** Missing keys are not an error. */
  remove(keys: readonly string[]): Promise<void>
}

export interface OssConnection {
  readonly kind: 'oss'
  /** `http://127.0.0.1:9000` or `https://oss-cn-hangzhou-internal.aliyuncs.com`. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** null: the credentials of the function's role. Secrets are references, see `Secrets`. */
  readonly credentials: { readonly accessKeyId: string; readonly accessKeySecret: SecretRef } | null
}

export interface PostgresConnection {
  readonly kind: 'postgres'
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: SecretRef | null
  readonly ssl: 'disable' | 'require' | 'verify-full'
  /** Sessions of runs that may be open in this database at the same time, each on a slot of its own; absent: any number. */
  readonly maxConnections?: number
}

export interface MysqlConnection {
  readonly kind: 'mysql'
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: SecretRef | null
  readonly ssl: 'disable' | 'require' | 'verify-full'
  /** Sessions of runs that may be open in this database at the same time, each on a slot of its own; absent: any number. */
  readonly maxConnections?: number
  /** `+08:00`: the zone of the session, in which instants are read and written as wall-clock time. */
  readonly timeZone: string
  /** What becomes of `0000-00-00`, which no other database has: NULL, a dirty record, or 0001-01-01. */
  readonly zeroDates: 'convertToNull' | 'exception' | 'round'
}

/**
 * The only form in which a secret travels: `env:NAME` (environment of the function), `kms:NAME` or `kms:NAME#member`
 * (Secrets Manager of KMS) or `vault:NAME` (sealed file on one machine).
 */
export type SecretRef = `env:${string}` | `kms:${string}` | `vault:${string}`

export interface Secrets {
  /** @throws job/secret-missing */
  resolve(ref: SecretRef): Promise<string>
}

export interface QueryResult<R> {
  readonly rows: R[]
  readonly rowCount: number
}

/** One session of a PostgreSQL-like server. Errors are TransferErrors with the SQLSTATE in `context.sqlstate` and the pg error as `cause`. */
export interface Sql {
  query<R extends Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<QueryResult<R>>
  /** begin … commit, rolled back when `work` throws. Not nestable: use `savepoint` inside. */
  transaction<T>(work: () => Promise<T>): Promise<T>
  /** savepoint … release, rolled back to when `work` throws. */
  savepoint<T>(work: () => Promise<T>): Promise<T>
  /**
   * Feeds a `copy … from stdin`. A piece may lie in memory that is used again once the next is asked for. `rows` is
   * the number in the command tag: on Greenplum it counts rejected rows too.
   */
  copyIn(statement: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<{ rows: number }>
  /**
   * Reads a `copy … to stdout`. Leaving the loop early cancels the statement.
   * @param how `lent`: each piece is valid until the next is asked for
   */
  copyOut(statement: string, signal?: AbortSignal, how?: { lent?: boolean }): AsyncIterable<Uint8Array>
}

export interface SqlSession extends Sql, AsyncDisposable {
  /** A result as the server gives it, where `query` keeps one of several columns of the same name. */
  table(text: string): Promise<{ names: string[]; rows: unknown[][]; rowCount: number }>
}

/** A column of a result, as the protocol describes it: numbers are those of the protocol's documentation. */
export interface MysqlField {
  readonly name: string
  readonly type: number
  /** 63 is binary. */
  readonly characterSet: number
  readonly flags: number
  /** In bytes, or in bits for BIT. */
  readonly length: number
  readonly decimals: number
}

/** Takes the rows of a result as they lie in the protocol: each field has its length before it, 0xfb is NULL. */
export interface MysqlRowSink<P> {
  /** Of a longer row no more than about this much is held, and `row` gets its beginning alone. */
  readonly maxRowBytes: number
  row(bytes: Buffer, start: number, end: number): void
  /** Asked after each row: true stops the server until `take` was called; what is on its way, 64 KiB or less, still comes. */
  isFull(): boolean
  /** What has been gathered. No row comes before the next piece is asked for. */
  take(): P
}

/** One session of a MySQL-like server. Errors are TransferErrors with the SQLSTATE in `context.sqlstate`, and no values of rows. */
export interface MysqlSession extends AsyncDisposable {
  /** Every value as text. Each `?` of the statement takes a value. */
  query(statement: string, values?: readonly string[]): Promise<Record<string, string | null>[]>
  /** @returns the number of rows changed; of `on duplicate key update`, 1 for a new row, 2 for a changed one, 0 for none */
  run(statement: string): Promise<{ affected: number }>
  /** The columns of a query, which is not executed. */
  describe(query: string): Promise<MysqlField[]>
  /** Rows as fast as they are taken, in bounded memory. Leaving the loop early ends the session. */
  stream<P>(
    query: string,
    open: (fields: readonly MysqlField[]) => MysqlRowSink<P>,
    signal: AbortSignal,
  ): AsyncIterable<P>
}

export const functionNames = ['start', 'object', 'tick', 'api', 'plan', 'stage', 'load', 'finish'] as const
export type FunctionName = (typeof functionNames)[number]

export interface Invoker {
  /**
   * Queues an invocation. The same `taskId` is queued once: a repeat resolves as `duplicate`.
   * @throws event/too-large (128 KB), platform/throttled, platform/unavailable, platform/function-missing
   */
  invokeAsync(name: FunctionName, event: unknown, taskId: string): Promise<'queued' | 'duplicate'>
  /** Waits for the answer. @throws platform/function-failed when the handler threw */
  invokeSync(name: FunctionName, event: unknown, timeoutMs: number): Promise<unknown>
}

export interface Clock {
  now(): Date
}

export type LogFields = Readonly<Record<string, string | number | boolean | null | ErrorReport>>

/** JSON lines. `child` adds fields to every line. */
export interface Log {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(fields: LogFields): Log
}
