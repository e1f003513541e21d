import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { defaultRecordBytes } from '../shared/connectors/options/fields.ts'
import { type Form, forms, inDuck } from './forms.ts'
import type { Lab } from './lab.ts'
import { writeLineitem } from './lineitem.ts'

/** An input that is made to be large, and what its run has to come to. */
export interface MemoryInput {
  readonly put: (lab: Lab, key: string) => Promise<unknown>
  readonly ends: (key: string) => { readonly reader: object; readonly writer: object }
  readonly expected: 'rows' | 'dirty' | 'refused'
  /** Dirty records that are allowed; 10 when unset. */
  readonly errorLimit?: number
}

export const wideTable = 'public.wide'
export const narrowTable = 'public.narrow'
export const copiedTable = 'public.copied'
export const narrowTableWithSource = 'public.narrow_with_source'
export const textTable = 'public.texts'
export const textColumns = ['a', 'b', 'c', 'd']
export const wideColumns = Array.from({ length: 1600 }, (_, index) => `c${index}`)

const megabyte = 1024 * 1024
const gzip = { compress: 'gzip' }
const jsonLines = { fileFormat: 'jsonl' }

/** In this order: instances keep what they have, so each has been used for what stands before it. */
export const memoryInputs = (megabytes: number): Readonly<Record<string, MemoryInput>> => ({
  [`CSV of ${megabytes} MB`]: formOf('csv', megabytes),
  'CSV, decoded': formOf('csv, decoded', least(megabytes)),
  'CSV as gzip': formOf('csv as gzip', least(megabytes)),
  'JSON Lines': formOf('json lines', least(megabytes)),
  Parquet: formOf('parquet', least(megabytes)),
  'Parquet of large pages': { ...formOf('parquet', 0), put: putLargePages, ends: (key) => intoTexts(key) },
  'rows of 1,600 columns': input(wideTable, {}, wideRows),
  'rows of 1,600 columns as gzip': input(wideTable, gzip, () => gzipSync(wideRows())),
  'rows of 1,600 keys': input(wideTable, jsonLines, wideObjects),
  'the longest record that is taken': input(narrowTable, {}, () => record(defaultRecordBytes - 16)),
  'the longest record that is taken, decoded': input(narrowTableWithSource, decoded, () =>
    record(defaultRecordBytes - 16),
  ),
  'the longest record that is taken, inflated': input(narrowTable, gzip, () =>
    gzipSync(record(defaultRecordBytes - 16)),
  ),
  'the longest record that is taken, as JSON': input(narrowTable, jsonLines, () => object(defaultRecordBytes - 32)),
  'the longest record that is taken, refused by the server': input(narrowTable, {}, () => noNumber(), 'dirty'),
  'a record of 64 MB': input(narrowTable, {}, () => record(64 * megabyte + 1), 'dirty'),
  'a record of 64 MB, decoded': input(narrowTableWithSource, decoded, () => record(64 * megabyte + 1), 'dirty'),
  'a record of 64 MB, inflated': input(narrowTable, gzip, () => gzipSync(record(64 * megabyte + 1)), 'dirty'),
  'a record of 64 MB, as JSON': input(narrowTable, jsonLines, () => object(64 * megabyte + 1), 'dirty'),
  'very many bad records': {
    ...input(narrowTable, {}, () => badRows(200_000), 'dirty'),
    errorLimit: 1_000_000,
  },
  'a damaged gzip file': {
    ...input(narrowTable, gzip, () => damaged(gzipSync(goodRows(500_000))), 'refused'),
    errorLimit: 1_000_000,
  },
  'a bomb of one record': input(narrowTable, gzip, () => bomb(Buffer.alloc(16 * megabyte, 'x')), 'refused'),
  'a bomb of records': input(
    narrowTable,
    gzip,
    () => bomb(Buffer.alloc(16 * megabyte, `1,${'x'.repeat(1021)}\n`)),
    'refused',
  ),
  'a table': fromTable(narrowTable, tableRows, intoAdbpg(copiedTable)),
  'a table of long records': fromTable(narrowTable, longRows, intoAdbpg(copiedTable)),
  'a table to CSV': fromTable(narrowTable, tableRows, intoOss({})),
  'a table to gzip': fromTable(narrowTable, tableRows, intoOss({ compress: 'gzip' })),
  'a table to Parquet': fromTable(narrowTable, tableRows, intoOss({ fileFormat: 'parquet' })),
  'CSV once more': formOf('csv', least(megabytes)),
})

const end = (name: string, parameter: object) => ({ name, parameter })
const fromOss = (object: string, options: object) =>
  end('ossreader', { datasource: 'oss_local', object, column: ['*'], ...options })
const intoAdbpg = (table: string) => end('adbpgwriter', { datasource: 'adbpg_local', table, column: ['*'] })
const intoOss = (options: object) =>
  end('osswriter', { datasource: 'oss_local', object: 'memory/part', writeMode: 'truncate', ...options })

/** Enough for what an instance comes to hold; the first file alone is of the size that is asked for. */
const least = (megabytes: number) => Math.min(megabytes, 100)

function formOf(name: string, megabytes: number): MemoryInput {
  const { table, options, write } = forms[name] as Form
  return {
    ends: (key) => ({ reader: fromOss(key, options), writer: intoAdbpg(table) }),
    expected: 'rows',
    async put(lab, key) {
      const csv = await writeLineitem(join(lab.dir, 'large.csv'), { seed: 5, until: { bytes: megabytes * 1e6 } })
      await lab.putFiles(key, (await write?.(lab.dir, [csv])) ?? [csv.path])
    },
  }
}

/** A page for each column of a group, as DuckDB writes them: together just below what is read at all. */
async function putLargePages(lab: Lab, key: string): Promise<void> {
  const path = join(lab.dir, 'pages.parquet')
  const columns = textColumns.map((name, index) => `md5((i * 9 + ${index})::varchar) ${name}`)
  await inDuck(`copy (select ${columns.join(', ')} from range(300000) t(i)) to '${path}' (format parquet)`)
  await lab.putFiles(key, [path])
}

const intoTexts = (key: string) => ({ reader: fromOss(key, { fileFormat: 'parquet' }), writer: intoAdbpg(textTable) })

const input = (
  table: string,
  options: object,
  bytes: () => Buffer,
  expected: MemoryInput['expected'] = 'rows',
): MemoryInput => ({
  ends: (key) => ({ reader: fromOss(key, options), writer: intoAdbpg(table) }),
  expected,
  put: (lab, key) => lab.put(key, bytes()),
})

/** @param rows a query of them */
const fromTable = (table: string, rows: string, writer: object): MemoryInput => ({
  ends: () => ({ reader: end('adbpgreader', { datasource: 'adbpg_local', table, column: ['*'] }), writer }),
  expected: 'rows',
  async put(lab) {
    await lab.sql(`truncate ${table}, ${copiedTable}`)
    await lab.sql(`insert into ${table} ${rows}`)
  },
})

/** 100 MB, and a few records of 15 MB among short ones. */
const tableRows = `select n, repeat(md5(n::text), 3) from generate_series(1, 1000000) n`
const longRows = `select n, repeat(md5(n::text), case when n % 100 = 0 then 490000 else 1 end) from generate_series(1, 1000) n`

/** Fields that are not the columns in their order, so that records are made anew. */
const decoded = { column: [{ index: 0 }, { index: 1 }, { value: 'bench' }] }

const rowsOf = (rowOf: (row: number) => string) =>
  Buffer.from(Array.from({ length: 10_000 }, (_, row) => `${rowOf(row)}\n`).join(''))
const wideRows = () => rowsOf((row) => wideColumns.map((_, index) => row * index).join(','))
const wideObjects = () => rowsOf((row) => `{${wideColumns.map((name, index) => `"${name}":${row * index}`).join(',')}}`)

/** Of so many bytes, and a short one behind it. */
const record = (bytes: number) =>
  Buffer.concat([Buffer.from('1,"'), Buffer.alloc(bytes - 5, 'x'), Buffer.from('"\n2,short\n')])
const noNumber = () => Buffer.concat([Buffer.from('x'), record(defaultRecordBytes - 17)])
const object = (bytes: number) =>
  Buffer.concat([
    Buffer.from('{"id":1,"note":"'),
    Buffer.alloc(bytes - 19, 'x'),
    Buffer.from('"}\n{"id":2,"note":"short"}\n'),
  ])

const goodRows = (rows: number) =>
  Buffer.from(Array.from({ length: rows }, (_, row) => `${row},note ${row * 7919}\n`).join(''))
/** The first half is good. */
const badRows = (rows: number) =>
  Buffer.from(Array.from({ length: rows }, (_, row) => `${row * 2 < rows ? '' : 'x'}${row},note\n`).join(''))

/** What comes behind is made of what was there before, so nearly every record is bad. */
function damaged(bytes: Buffer): Buffer {
  const from = Math.floor(bytes.length / 2)
  for (let at = from; at < from + 40; at += 1) bytes[at] = (bytes[at] ?? 0) ^ 0xff
  return bytes
}

/** 4 GB, of which nobody waits for the last. */
const bomb = (part: Buffer) => Buffer.concat(Array(256).fill(gzipSync(part)))
