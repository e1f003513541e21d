import { createReadStream, createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { csvRow, type LineitemFile, lineitemColumns, type WriteRow, writeLineitem } from './lineitem.ts'

/** A way of writing the same rows, and how a job reads it. */
export interface Form {
  readonly table: string
  readonly suffix: string
  readonly options: object
  /** Of the rows of the CSV files; unset: those files as they are. */
  readonly write?: (dir: string, csv: readonly LineitemFile[]) => Promise<readonly string[]>
}

export const plainTable = 'public.lineitem'
/** A constant in the place of one field: COPY's column list cannot say that, so records are rewritten; rows are as wide as the ceiling's. */
const decoded = lineitemColumns.map(([name], index) => (name === 'l_linestatus' ? { value: 'O' } : { index }))

/** One stream, at the level that gzip has by itself. */
async function gzipped(dir: string, csv: readonly LineitemFile[]): Promise<readonly string[]> {
  const path = join(dir, 'lineitem.csv.gz')
  const inRow = async function* () {
    for (const file of csv) yield* createReadStream(file.path, { highWaterMark: 1024 * 1024 })
  }
  await pipeline(inRow, createGzip(), createWriteStream(path))
  return [path]
}

const asJson = (dir: string, csv: readonly LineitemFile[]) => rewritten(dir, csv, { suffix: 'jsonl', write: jsonRow })

/** Without the line breaks in comments, one in five hundred. */
const asLines = (dir: string, csv: readonly LineitemFile[]) =>
  rewritten(dir, csv, { suffix: 'lines.csv', write: (fields) => csvRow(fields.map((text) => text.replace('\n', ' '))) })

async function rewritten(
  dir: string,
  csv: readonly LineitemFile[],
  { suffix, write }: { readonly suffix: string; readonly write: WriteRow },
): Promise<readonly string[]> {
  const paths: string[] = []
  for (const { seed, rows } of csv) {
    const path = join(dir, `lineitem-${seed}.${suffix}`)
    await writeLineitem(path, { seed, until: { rows }, write })
    paths.push(path)
  }
  return paths
}

/** One file, in row groups of DuckDB's own size and packed by snappy, as it writes them by itself. */
async function asParquet(dir: string, csv: readonly LineitemFile[]): Promise<readonly string[]> {
  const path = join(dir, 'lineitem.parquet')
  const columns = lineitemColumns.map(([name, type]) => `'${name}': '${type}'`).join(', ')
  const files = csv.map((file) => `'${file.path}'`).join(', ')
  await inDuck(
    `copy (select * from read_csv([${files}], header = false, columns = {${columns}})) to '${path}' (format parquet)`,
  )
  return [path]
}

export async function inDuck(statement: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '2GB' })
  const duck = await instance.connect()
  await duck.run(statement)
  duck.closeSync()
  instance.closeSync()
}

const isNumber = lineitemColumns.map(([, type]) => /^(bigint|integer|numeric)/.test(type))

const jsonRow: WriteRow = (fields) => {
  const members = lineitemColumns.map(([name], index) => {
    const text = fields[index] ?? ''
    return `"${name}":${isNumber[index] ? text : JSON.stringify(text)}`
  })
  return `{${members.join(',')}}\n`
}

export const forms: Readonly<Record<string, Form>> = {
  csv: { table: plainTable, suffix: '.csv', options: {} },
  'csv, multiLine: false': { table: plainTable, suffix: '.csv', options: { multiLine: false }, write: asLines },
  'csv, decoded': { table: plainTable, suffix: '.csv', options: { column: decoded } },
  'csv as gzip': { table: plainTable, suffix: '.csv.gz', options: { compress: 'gzip' }, write: gzipped },
  'json lines': { table: plainTable, suffix: '.jsonl', options: { fileFormat: 'jsonl' }, write: asJson },
  parquet: { table: plainTable, suffix: '.parquet', options: { fileFormat: 'parquet' }, write: asParquet },
}
