import { copyText } from '../../codecs/encoding.ts'
import { batchesOf, type RawRecord } from '../../codecs/records.ts'
import { TransferError } from '../../errors/index.ts'
import type { PutRecords } from '../../load/put-records.ts'
import type { MysqlSession } from '../../ports/index.ts'
import { type MysqlTableName, quoteName, quoteTableName } from './names.ts'
import { literalOf, SqlBytes, type WriteLiteral } from './row-literals.ts'
import type { MysqlColumn } from './table-lookup.ts'

export interface InsertOptions {
  readonly table: MysqlTableName
  readonly columns: readonly MysqlColumn[]
  readonly mode: 'insert' | 'replace' | 'update' | 'ignore'
  /** What `update` sets; empty: every column. */
  readonly update: readonly string[]
  readonly timeZone: string
  /** Rows of one statement. */
  readonly batchSize: number
  /** Of the server: a longer statement would end the session. */
  readonly maxPacketBytes: number
}

/** Statements of 64 rows and of 65,536 are equally fast: the server is the slower one (measured on MariaDB 10.11). */
const statementBytes = 1024 * 1024

/**
 * Rows of COPY text as multi-row INSERTs. LOAD DATA LOCAL would turn values that do not fit, and duplicate keys, into
 * warnings (its default is IGNORE), and many servers forbid it.
 */
export function insertRows(sql: MysqlSession, options: InsertOptions): PutRecords {
  const parts = statementParts(options)
  const writers = options.columns.map((column) => literalOf(column, options.timeZone))
  const maxBytes = Math.min(statementBytes, options.maxPacketBytes - reservedBytes)
  const room = options.maxPacketBytes - parts.before.length - parts.after.length - reservedBytes

  return async (body) => {
    const statements = sendStatements(sql, parts)
    const { values } = statements
    const add = (record: RawRecord) => {
      if (statements.rows() > 0) values.add(',')
      writeRow(record, writers, values, room)
    }
    try {
      for await (const batch of batchesOf(body, batchOptions)) {
        for (const record of batch) {
          const begin = values.length
          naming(record.number, () => add(record))
          if (statements.rows() > 0 && values.length > room) {
            // The row does not fit behind the others: it goes with the next statement.
            values.length = begin
            await statements.send()
            add(record)
          }
          const rows = statements.count()
          if (rows >= options.batchSize || values.length >= maxBytes) await statements.send()
        }
      }
      if (statements.rows() > 0) await statements.send()
    } finally {
      await statements.sent()
    }
    const { rows, affected } = statements.done
    const copied = options.mode === 'insert' ? affected : rows
    return { copied, loaded: options.mode === 'ignore' ? affected : copied }
  }
}

/** Of a packet, for what is not the statement. */
const reservedBytes = 1024
const batchOptions = {
  encoding: copyText,
  newline: 0x0a,
  maxRecords: 4096,
  maxBytes: 1024 * 1024,
  maxRecordBytes: Number.MAX_SAFE_INTEGER,
}

/** One statement is with the server while the next is made. */
function sendStatements(sql: MysqlSession, { before, after }: { before: string; after: string }) {
  const values = new SqlBytes()
  const done = { rows: 0, affected: 0 }
  /** Of the statement that is being made. */
  let rows = 0
  let sent: Promise<void> = Promise.resolve()

  async function run(statement: string, count: number): Promise<void> {
    try {
      done.affected += (await sql.run(statement)).affected
    } catch (error) {
      const line = error instanceof TransferError ? error.context.line : undefined
      throw typeof line === 'number' ? atLine(error, done.rows + line) : error
    }
    done.rows += count
  }

  return {
    values,
    done,
    rows: () => rows,
    count: () => {
      rows += 1
      return rows
    },
    async send() {
      await sent
      sent = run(`${before}${values.take()}${after}`, rows)
      // Its failure is told by whoever waits for it next.
      sent.catch(() => undefined)
      rows = 0
    },
    sent: () => sent,
  }
}

function naming(line: number, work: () => void): void {
  try {
    work()
  } catch (error) {
    throw atLine(error, line)
  }
}

/** The place in the records of one attempt, as COPY would tell it. */
function atLine(error: unknown, line: number): unknown {
  if (!(error instanceof TransferError)) return error
  return new TransferError(error.code, error.message, { ...error.context, line }, { cause: error.cause })
}

export function statementParts({
  table,
  columns,
  mode,
  update,
}: Pick<InsertOptions, 'table' | 'columns' | 'mode' | 'update'>): { before: string; after: string } {
  const names = columns.map((column) => quoteName(column.name))
  const verb = mode === 'replace' ? 'replace' : 'insert'
  const before = `${verb} into ${quoteTableName(table)} (${names.join(', ')}) values\n`
  const [first = ''] = names
  const set = update.length === 0 ? names : update.map(quoteName)
  const updates = set.map((name) => `${name} = values(${name})`).join(', ')
  if (mode === 'update') return { before, after: `\non duplicate key update ${updates}` }
  // INSERT IGNORE would take values that do not fit as well; this leaves out nothing but rows whose key is there.
  const keep = `${first} = ${quoteTableName(table)}.${first}`
  return { before, after: mode === 'ignore' ? `\non duplicate key update ${keep}` : '' }
}

const tab = 0x09
const lineFeed = 0x0a

/** @throws record/format, record/column-count, record/too-large */
function writeRow({ bytes }: RawRecord, writers: readonly WriteLiteral[], to: SqlBytes, room: number): void {
  const end = bytes[bytes.length - 1] === lineFeed ? bytes.length - 1 : bytes.length
  const begin = to.length
  let start = 0
  to.add('(')
  for (let index = 0; index < writers.length; index += 1) {
    if (start > end) throw otherFields(writers.length)
    const found = bytes.indexOf(tab, start)
    const stop = found === -1 || found > end ? end : found
    if (index > 0) to.add(',')
    if (stop - start === 2 && bytes[start] === 0x5c && bytes[start + 1] === 0x4e) to.add('null')
    else (writers[index] as WriteLiteral)(bytes, start, stop, to)
    start = stop + 1
  }
  if (start <= end) throw otherFields(writers.length)
  to.add(')')
  if (to.length - begin <= room) return
  const message = `the row has ${to.length - begin} bytes as SQL, max_allowed_packet of the server leaves room for ${room}`
  throw new TransferError('record/too-large', message)
}

const otherFields = (count: number) =>
  new TransferError('record/column-count', `the record has not the ${count} fields of the table`)
