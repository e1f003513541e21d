import type { Reader, Writer } from '../connectors/contract.ts'
import type { Prices } from '../cost/prices.ts'
import type {
  Clock,
  Invoker,
  Log,
  MysqlConnection,
  MysqlSession,
  ObjectStore,
  OssConnection,
  PostgresConnection,
  Secrets,
  SqlSession,
} from '../ports/index.ts'
import type { CrashPoint } from './crash-points.ts'
import type { Remembered } from './remembered.ts'

/** What a use case may decide by; every default is visible in `config/`. */
export interface RunSettings {
  /** Size a range of a source object should have: the unit of one COPY, one retry and one progress step. */
  readonly chunkBytes: number
  /** A file of CSV of this size is cut without being read first, where its rows go by COPY. */
  readonly guessFromBytes: number
  /** Size a staged chunk should have: held in memory once while it is written. */
  readonly stageChunkBytes: number
  /** A piece of work that was sent this long ago and has left no trace is sent again. */
  readonly leaseMs: number
  /** A function stops taking new records this long before its time limit. */
  readonly deadlineReserveMs: number
  /** How far back a tick looks for schedules whose time has come. */
  readonly scheduleLookbackMs: number
  /** JSON of datasources by name, from the environment; they go before those of the bucket. */
  readonly datasources: string | null
  readonly prices: Prices
}

/** What is paid for. */
export interface Invocation {
  readonly requestId: string
  /** A decimal as text. */
  readonly vcpu: string
  readonly memoryMb: number
  /** Until now: `reads` and `writes` are requests to OSS. */
  readonly spent: () => { readonly milliseconds: number; readonly reads: number; readonly writes: number }
}

/** Everything a use case touches, wired once per instance. */
export interface World {
  readonly settings: RunSettings
  /** The invocation of a function that this world is for; null: a command, or a caller that is not paid by the millisecond. */
  readonly invocation: Invocation | null
  readonly clock: Clock
  readonly log: Log
  readonly secrets: Secrets
  readonly invoker: Invoker
  /** The bucket of jobs, datasources, staged chunks, dirty records and incidents. */
  readonly store: ObjectStore
  // biome-ignore-start lint/suspicious/noExplicitAny: options types differ by connector; its schema parses them before `open`
  readonly findReader: (kind: string) => Promise<Reader<any>>
  readonly findWriter: (kind: string) => Promise<Writer<any>>
  // biome-ignore-end lint/suspicious/noExplicitAny: as above
  readonly openStore: (connection: OssConnection) => Promise<ObjectStore>
  /** `sparedSlots`: those of a capped datasource that this session leaves to others. */
  readonly connectSql: (
    connection: PostgresConnection,
    signal: AbortSignal,
    sparedSlots?: number,
  ) => Promise<SqlSession>
  readonly connectMysql: (connection: MysqlConnection, signal: AbortSignal) => Promise<MysqlSession>
  readonly reach: (point: CrashPoint) => void
  /** Of an instance that serves more than one request. */
  readonly remembered?: Remembered
}

/** The time a handler has: `signal` aborts when it must stop, `softAt` is when it should take no new records. */
export interface Deadline {
  readonly signal: AbortSignal
  readonly softAt: Date
}
