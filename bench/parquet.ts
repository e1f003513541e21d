/**
 * `npx tsx bench/parquet.ts [--rows 1000000] [--rounds 3] [--group-rows 122880]`: what a loader spends on Parquet, from the
 * ranges of a file to COPY text, and a stage on the way back: CPU time and memory of a process of its own, beside DuckDB from
 * Parquet to CSV in this one. The rows are 16 columns like those of TPC-H's lineitem, 128 bytes of CSV, written by DuckDB.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { build } from 'esbuild'
import { rounded } from './measure.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    'group-rows': { type: 'string', default: '122880' },
  },
})
const rows = Number(values.rows)

const lineitem = `select (i * 4 / 3)::bigint l_orderkey, (hash(i) % 200000)::bigint l_partkey,
  (hash(i + 7) % 10000)::bigint l_suppkey, (i % 7)::int l_linenumber, (hash(i + 1) % 50 + 1)::decimal(15, 2) l_quantity,
  ((hash(i + 2) % 10000000) / 100.0)::decimal(15, 2) l_extendedprice, ((hash(i + 3) % 11) / 100.0)::decimal(15, 2) l_discount,
  ((hash(i + 4) % 9) / 100.0)::decimal(15, 2) l_tax, ['R', 'A', 'N'][(hash(i + 5) % 3 + 1)::int] l_returnflag,
  ['O', 'F'][(i % 2 + 1)::int] l_linestatus, date '1992-01-01' + (hash(i + 8) % 2500)::int l_shipdate,
  date '1992-01-01' + (hash(i + 9) % 2500)::int l_commitdate, date '1992-01-01' + (hash(i + 10) % 2500)::int l_receiptdate,
  ['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'][(hash(i + 11) % 4 + 1)::int] l_shipinstruct,
  ['AIR', 'RAIL', 'TRUCK', 'SHIP', 'MAIL', 'FOB', 'REG AIR'][(hash(i + 12) % 7 + 1)::int] l_shipmode,
  substr(md5(i::varchar) || ' ' || md5((i + 1)::varchar), 1, 10 + (hash(i) % 34)::int) l_comment from range(${rows}) t(i)`

const types: Readonly<Record<string, string>> = { BIGINT: 'bigint', INTEGER: 'integer', DATE: 'date', VARCHAR: 'text' }

const folder = await mkdtemp(join(tmpdir(), 'adbpg-sync-parquet-'))
try {
  const duck = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect()
  const path = (name: string) => join(folder, name)
  await duck.run(`create table lineitem as ${lineitem}`)
  const described = (await duck.runAndReadAll('describe lineitem')).getRowsJson()
  const columns = described
    .map(([name, type]) => `${name}=${types[String(type)] ?? `numeric${String(type).slice(7).replace(',', ';')}`}`)
    .join(',')
  for (const codec of ['snappy', 'zstd'])
    await duck.run(
      `copy lineitem to '${path(codec)}' (format parquet, compression ${codec}, row_group_size ${values['group-rows']})`,
    )
  await duck.run(`copy lineitem to '${path('text')}' (format csv, header false, delimiter '\t')`)
  await duck.run('drop table lineitem')
  await build({
    entryPoints: [fileURLToPath(new URL('parquet-child.ts', import.meta.url))],
    outfile: path('child.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/')" },
  })
  const child = (mode: string, file: string) =>
    JSON.parse(execFileSync(process.execPath, [path('child.mjs'), mode, path(file), columns]).toString()) as {
      cpuSeconds: number
      bytes: number
      peakRssMB: number
    }
  const duckToCsv = async () => {
    const started = process.cpuUsage()
    await duck.run(`copy (from read_parquet('${path('snappy')}')) to '/dev/null' (format csv, header false)`)
    const { user, system } = process.cpuUsage(started)
    return { cpuSeconds: (user + system) / 1e6 }
  }
  const cases = {
    'read snappy': async () => child('read', 'snappy'),
    'read zstd': async () => child('read', 'zstd'),
    'DuckDB snappy to CSV': duckToCsv,
    'write snappy': async () => child('write', 'text'),
    'write zstd': async () => child('write-zstd', 'text'),
  }
  const best: Record<string, { cpuSeconds: number }> = {}
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const [name, measure] of Object.entries(cases)) {
      const found = await measure()
      if (found.cpuSeconds < (best[name]?.cpuSeconds ?? Number.POSITIVE_INFINITY)) best[name] = found
    }
  const told = Object.entries(best).map(([name, found]) => [
    name,
    {
      ...found,
      cpuSeconds: rounded(found.cpuSeconds),
      krowsPerCpuSecond: Math.round(rows / 1000 / found.cpuSeconds),
      cpuMicrosPerRow: rounded((found.cpuSeconds / rows) * 1e6),
    },
  ])
  console.log(JSON.stringify({ rows, ...Object.fromEntries(told) }, null, 2))
} finally {
  await rm(folder, { recursive: true, force: true })
}
