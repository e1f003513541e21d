import type * as z from 'zod'
import type { Projection } from '../codecs/csv-project.ts'
import type { CopyEncoding, Encoding } from '../codecs/encoding.ts'
import type { KeyProjection } from '../codecs/json-lines/write-record.ts'
import type { RawRecord } from '../codecs/records.ts'
import type { TransferError } from '../errors/index.ts'
import type { ConflictRule, MergeFacts } from '../load/merge.ts'
import type { Overwrite, PublicationFacts } from '../load/publication.ts'
import type { PutRecords } from '../load/put-records.ts'
import type { RecordReason } from '../load/record-error.ts'
import type {
  Log,
  MysqlConnection,
  MysqlSession,
  ObjectStore,
  OssConnection,
  PostgresConnection,
  PutOptions,
  Sql,
  SqlSession,
} from '../ports/index.ts'
import type { Column, TableName } from '../schema/index.ts'

/** JSON-safe, because a slice travels inside an invocation payload and is kept in the ledger. */
export type Slice = { readonly [key: string]: string | number | boolean | null }

/** What a connector may reach. Each function opens something that the caller closes. */
export interface ConnectorContext {
  openStore(connection: OssConnection): Promise<ObjectStore>
  /** `sparedSlots`: those of a capped datasource that this session leaves to others. */
  connectSql(connection: PostgresConnection, sparedSlots?: number): Promise<SqlSession>
  connectMysql(connection: MysqlConnection): Promise<MysqlSession>
  readonly log: Log
  readonly signal: AbortSignal
}

/** Rows of one column between two marks, in the source's own order and texts. Rows that are null there are in none. */
export interface Increment {
  readonly column: string
  readonly type: string
  /** null: from the first row on. */
  readonly low: string | null
  /** A beginning that a job names is included; a mark has been read already. */
  readonly lowIncluded: boolean
  /** Included. null: there are no rows. */
  readonly high: string | null
}
export type Low = Pick<Increment, 'low' | 'lowIncluded'>

export interface AskedIncrement {
  readonly increment: Increment
  /** Why it ends where it ends. */
  readonly why: string
}

/** What a job says of reading on from where its last run came to. */
export interface Incremental {
  /** Table and column in words: marks of another source are not taken for its own. */
  readonly source: string
  /** Where the first run begins; null: at the first row. */
  readonly from: string | null
}

export interface SplitRequest {
  /** Slices that may be read side by side. */
  readonly concurrent: number
  /** The size a slice should have; a strategy may miss it when the source cannot be cut there. */
  readonly targetBytes: number
  /** The version of an object whose arrival started the run: another one belongs to another run. */
  readonly arrived: ArrivedObject | null
  /** Only these rows, which every slice is to remember. null: all. */
  readonly increment: Increment | null
  /**
   * From this size on a file need not be read to be cut: its slices may begin at guesses, which `load` makes sure of
   * (`Source.guesses`). Absent: every slice begins where a record does.
   */
  readonly guessFromBytes?: number
  /** These versions alone, in the place of the object that the options name (`Reader.forObject`). Absent: what the options say. */
  readonly gathered?: readonly GatheredObject[]
}

export interface ArrivedObject {
  readonly bucket: string
  readonly key: string
  readonly etag: string
}

export interface GatheredObject extends ArrivedObject {
  readonly size: number
}

/** What was decided, with the numbers compared: `one slice: table 12 MB is smaller than 64 MB`. */
export interface Decision {
  readonly what: string
  readonly why: string
}

export interface PlannedSlice {
  readonly slice: Slice
  /** null where only reading it would tell. */
  readonly bytes: number | null
  readonly records: number | null
  /** Why a loader cannot begin in its middle, such as of a gzip stream: it is cut into staged chunks while it is read. */
  readonly indivisible?: string
}

export interface Split {
  /** Each row of the source is in exactly one slice. Empty when the source is. */
  readonly slices: readonly PlannedSlice[]
  readonly decisions: readonly Decision[]
  /** Of those that were gathered, the ones that cannot be read, and why; the others are cut all the same. */
  readonly refused?: readonly (ArrivedObject & { readonly error: TransferError })[]
}

/** Where bytes stand in their source, for people who look for a rejected record. */
export interface Origin {
  readonly name: string
  /**
   * Of the first byte of the body; below 0 for a part that does not begin the body. null where records have no bytes of their
   * own, as in a file of columns.
   */
  readonly start: number | null
  /** As `start`. */
  readonly firstRecord: number
  /** Which slice of a body of several; absent: the body is one. */
  readonly part?: number
}

/** What following another slice in one COPY takes. */
export interface Joint {
  /** Slices of the same key may follow each other. */
  readonly key: string
  /** Put behind a slice that does not end a record. */
  readonly ending: Uint8Array
}

/** Bytes of whole records, with what is needed to count them and to name one. */
export interface Body {
  readonly encoding: Encoding
  /** The byte that ends a record: 0x0a, or 0x0d in files of old. */
  readonly newline: number
  readonly maxRecordBytes: number
  readonly origin: Origin
  /** Of a body of several slices: the origin of the record at this offset of the body. Absent: `origin` is that of all. */
  readonly originAt?: (offset: number) => Origin
  /** Set: the body is one piece of so many whole records, which stays as it is until all are moved. */
  readonly inMemory?: { readonly records: number; readonly mayHoldEndMarker: boolean }
  /** What follows in the file, read only as far as the last record of the body goes on into it. */
  readonly overrun?: () => AsyncIterable<Uint8Array>
  readonly body: AsyncIterable<Uint8Array>
}

/** What reading a slice means, in words for people: a range of a version of an object, or the statement. */
export type SliceText =
  | {
      readonly object: string
      readonly etag: string
      /** Of the whole object. */
      readonly objectBytes: number
      readonly start: number
      readonly end: number
      /** Records are what these bytes inflate to. */
      readonly isCompressed: boolean
    }
  | { readonly statement: string }

/** What a run sends to its destination: once before the rows, for each chunk, once behind them. */
export interface Statements {
  readonly before: readonly string[]
  readonly chunk: readonly string[]
  readonly after: readonly string[]
}

/** Told of a record that no COPY can take, such as a text with a NUL: it is left out of the body, and counts in its numbers. */
export type OnRefused = (record: RawRecord, reason: RecordReason, origin: Body['origin']) => Promise<void>

/** Where a slice truly begins. */
export interface SliceStart {
  /** Of its first byte in the file. */
  readonly offset: number
  /** Counted from 1 in the file, header left out. */
  readonly firstRecord: number
}

/** Of slices that follow one another in a file that was cut at guesses. */
export interface SliceGuesses {
  /** null: not cut so. `isGuess`: only the end of the slice before tells whether it is so. */
  startOf(slice: Slice): (SliceStart & { readonly isGuess: boolean }) | null
  /** The slice, begun where the one before has ended. */
  begunAt(slice: Slice, start: SliceStart): Slice
}

export interface ReadHow {
  readonly onRefused?: OnRefused
  /** The reader is done with each piece when it asks for the next, so that its memory may be used again. */
  readonly lent?: boolean
}

/** Names of a source's columns in the order in which a job wants them; asked for once, when first needed. */
export type WantedColumns = () => Promise<readonly string[]>

/** An opened source. Any call may be repeated after a crash, so all are idempotent. */
export interface Source extends AsyncDisposable {
  /** The columns in the order in which `read` gives them; null when only the records know (a CSV without a column list). */
  columns(): Promise<readonly Column[] | null>
  split(want: SplitRequest): Promise<Split>
  /** The encoding `read` will give when the destination would like `preferred`: databases can choose, files cannot. */
  offer(preferred: CopyEncoding): Encoding
  /**
   * COPY's bytes of one slice, header lines left out. Without `onRefused`, the first record that it would be told of ends
   * the reading with its reason.
   */
  read(slice: Slice, encoding: Encoding, signal: AbortSignal, how?: ReadHow): Promise<Body>
  /** What `read` would do with the same slice and encoding. */
  describe(slice: Slice, encoding: Encoding): Promise<SliceText>
  /**
   * null: field i is column i, in every slice. Otherwise asked for each slice, as files differ; a `null` answer means the
   * same. What COPY's column list can say (`copyOrder`) leaves the bytes as they are; anything else is picked on the way,
   * which only CSV can be. Records of JSON always say which keys they take.
   */
  readonly projection: null | ((slice: Slice) => Projection | KeyProjection | null)
  /**
   * The rows behind `low` as far as they may be read now: asked once, when a run is planned. null: the kind cannot.
   * @throws job/invalid, job/unsupported when the column cannot serve
   */
  readonly askIncrement: null | ((low: Low) => Promise<AskedIncrement>)
  /** What is left of a slice after `consumed` whole records were taken from its start; null when the source cannot resume. */
  readonly rest: null | ((slice: Slice, consumed: { readonly bytes: number; readonly records: number }) => Slice)
  /** null: its slices begin where they say. */
  readonly guesses: SliceGuesses | null
  /** The first `bytes` of a slice that is read from the beginning of its file; null when the kind has none. */
  readonly first: null | ((slice: Slice, bytes: number) => Slice)
  /**
   * How small slices become one chunk, where reading them anew gives the same bytes; a `null` answer: this one stands alone.
   * null: those of the kind always do.
   */
  readonly join: null | ((slice: Slice) => Joint | null)
  /**
   * Smaller slices that together hold the rows of one that could not be read within a function's time limit; none where it
   * cannot be cut. null: the source always resumes instead.
   */
  readonly cutSmaller: null | ((slice: Slice) => Promise<readonly Slice[]>)
  /**
   * The same source with only these of its columns, in this order, a column as often as it is named; its owner disposes it
   * in place of the first. Each function of a run asks anew, so slices carry what only the plan has looked up. null: the
   * kind cannot.
   */
  readonly pick: null | ((wanted: WantedColumns) => Source)
  /** Its records have names and no order: without a mapping they are taken by the names of the destination's columns. */
  readonly isNamed: boolean
  /**
   * Keeps all slices on one state of the source: resolves with a token that `read` understands in `slice.snapshot`,
   * valid until released; or with null when this server refuses. null: no server of the kind can. Slices are then read at
   * different times.
   */
  readonly holdSnapshot: null | (() => Promise<({ readonly token: string } & AsyncDisposable) | null>)
}

/** What deserves a warning in a script, beside the parameter it is about. */
export interface Remark {
  readonly parameter: string
  readonly message: string
}

/** What a connector states about itself, readable without opening a connection (wizard, documentation, job lint). */
export interface About<O> {
  /** Our name: `mysql`. */
  readonly kind: string
  /** The name of the console: `ApsaraDB RDS for MySQL`. */
  readonly title: string
  /** Other names it answers to: DataX plugins (`mysqlreader`), DataWorks step types and datasource types. */
  readonly aliases: readonly string[]
  /** The kind of connection that `options.connection` takes, and so the kind of datasource. */
  readonly connection: (OssConnection | PostgresConnection | MysqlConnection)['kind']
  /** Parameters that are understood and have no effect, with the reason: each used one deserves a warning. `options` drops them. */
  readonly ignored: Readonly<Record<string, string>>
  /** Parses the parameters after datasource and secrets were resolved into connections; draws the form, prints the docs table. */
  readonly options: z.ZodType<O>
  /** What is given and has no effect because of other options; null: options do not depend on one another in this way. */
  readonly remarks: null | ((options: O) => readonly Remark[])
  /** Where the ledger of a job lives when this connector is its ADBPG end; null for every other kind (design §5). */
  readonly ledger: null | ((options: O) => PostgresConnection)
}

export interface Reader<O> extends About<O> {
  readonly role: 'reader'
  /**
   * true: reading a slice twice gives the same bytes (an object pinned to its ETag), so a loader may read it directly, or,
   * where it is indivisible, while it is being staged; `rest` is then never null.
   * false: a second read may give other rows or another order, so a slice is staged first, or goes into the table whole
   * (plan/work.ts, `isPiped`).
   */
  readonly repeatable: boolean
  /**
   * The options for another object in the place of `from`; a `null` answer: they do not read that object alone, so an arrival
   * is no more than a sign to begin. null: the kind reads no objects.
   */
  readonly forObject: null | ((options: O, from: Pick<ArrivedObject, 'bucket' | 'key'>, key: string) => O | null)
  /** What the options say of reading incrementally; null where they say nothing, or the kind cannot. */
  readonly incremental: null | ((options: O) => Incremental | null)
  open(options: O, context: ConnectorContext): Promise<Source>
}

/** A destination that commits rows and our ledger in one transaction. */
export interface CopyTarget extends AsyncDisposable {
  readonly kind: 'copy'
  readonly connection: PostgresConnection
  readonly table: TableName
  /**
   * Columns in COPY's order, `*` resolved. A caller that has a session in the target's database lends it, which saves a
   * connection per chunk. @throws target/table-missing, target/column-missing
   */
  columns(session?: Sql): Promise<readonly Column[]>
  /** null: COPY takes it; otherwise the reason why not. */
  refuses(encoding: CopyEncoding): string | null
  readonly preferred: CopyEncoding
  readonly preSql: readonly string[]
  readonly postSql: readonly string[]
  /** What becomes of a record whose key is there; null: it is refused, as by the table's own constraints. */
  readonly conflict: ConflictRule | null
  /** What a merge depends on, from the catalog. */
  mergeFacts(session: Sql): Promise<MergeFacts>
  /** How the rows of a run become visible together at its end; null: those of each chunk once it is loaded. */
  readonly publication: Publication | null
}

export interface Publication {
  /** What the rows of the run take the place of; null: they come to those that are there. */
  readonly overwrite: Overwrite | null
  /** From the catalog. @throws job/unsupported for what cannot be overwritten */
  facts(session: Sql): Promise<PublicationFacts>
}

/** A destination that takes each slice as one object, whole or not at all, under a name derived from run and slice. */
export interface ObjectTarget extends AsyncDisposable {
  readonly kind: 'object'
  readonly preferred: Encoding
  readonly store: ObjectStore
  /** Once per run, before the first slice: truncate or check the prefix. Safe to repeat: never touches objects of `runTag`. */
  prepare(runTag: string): Promise<void>
  keyOf(runTag: string, sliceIndex: number): string
  /** Bytes before the first record of each object; empty for none. Where `encode` is given: the object without records. */
  header(columns: readonly Column[] | null): Uint8Array
  /**
   * Makes the object of the records of a slice, which come in `preferred`. null: the records are the object, behind `header`.
   * The iterable ends with the records, and throws record/* for one that has no place in the format.
   */
  readonly encode:
    | null
    | ((records: AsyncIterable<Uint8Array>, columns: readonly Column[] | null) => AsyncIterable<Uint8Array>)
  /** Makes the object of header and records, as they are in `preferred`: compressed, in another charset. null: as they are. */
  readonly pack: null | ((whole: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>)
  readonly putOptions: PutOptions
}

/** A chunk of a run, as the destination remembers it. */
export interface ChunkClaim {
  readonly runId: string
  readonly ordinal: number
  readonly part: number
}

/** A destination that is no PostgreSQL: rows of a staged chunk go into it in one transaction of its own. */
export interface RowTarget extends AsyncDisposable {
  readonly kind: 'rows'
  readonly preferred: CopyEncoding
  columns(): Promise<readonly Column[]>
  /** null: it takes them; otherwise the reason why not. */
  refuses(encoding: CopyEncoding): string | null
  /** How often a row of a chunk that is delivered twice is there, and why: told by `plan`. */
  promise(): Promise<Decision>
  /** With `(…)` in the place of rows: told by `plan`. */
  statements(): Promise<Statements>
  /** `preSql`, once per run, unless the planner dies on the way. */
  prepare(): Promise<void>
  /** `postSql`, once per run, unless `finish` dies on the way. */
  publish(): Promise<void>
  /** The run is over: what the destination remembers of its chunks is of no use any more. */
  forget(runId: string): Promise<void>
  openChunk(chunk: ChunkClaim): Promise<RowTransaction>
}

/** One chunk on its way; disposing of it before `commit` leaves nothing. */
export interface RowTransaction extends AsyncDisposable {
  /** Counts, as `commit` was given them, of the delivery that was here before; null: this is the first. */
  readonly before: string | null
  /** false: what a failed attempt has put stays, so records go one by one. */
  readonly isAtomic: boolean
  readonly put: PutRecords
  readonly savepoint: Sql['savepoint']
  /** Keeps `counts` with the rows. */
  commit(counts: string): Promise<void>
}

export type Target = CopyTarget | ObjectTarget | RowTarget

export interface Writer<O> extends About<O> {
  readonly role: 'writer'
  /** What is done once a run, by which objects that share one would come out otherwise than each in its own; null: nothing. */
  readonly oncePerRun: null | ((options: O) => string | null)
  open(options: O, context: ConnectorContext): Promise<Target>
}

export const defineReader = <O>(reader: Reader<O>): Reader<O> => reader
export const defineWriter = <O>(writer: Writer<O>): Writer<O> => writer

/** One file of `connectors/`: what a catalogue entry loads. */
export interface Connector {
  // biome-ignore lint/suspicious/noExplicitAny: options types differ by connector; `options` parses before `open` is called
  readonly reader: Reader<any> | null
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly writer: Writer<any> | null
}
