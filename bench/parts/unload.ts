import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab } from '../lab.ts'
import { interleave, rounded, secondsOf } from '../measure.ts'
import { rowsOfBytes, tableOfRows } from '../rows.ts'

/**
 * The ceiling is as many sessions of psql, each writing one half of the table into a file; ours is the whole path into OSS, to the
 * last object that can be seen.
 */
export async function unload(lab: Lab, { megabytes, rounds }: { megabytes: number; rounds: number }) {
  await lab.sql(`create table public.unload ${tableOfRows}`)
  const { bytes, count } = rowsOfBytes(megabytes * 1e6, 0)
  await lab.copy('copy public.unload from stdin with (format csv)', bytes)
  await lab.sql('alter table public.unload add primary key (id)')
  await lab.sql('analyze public.unload')
  const folder = await mkdtemp(join(tmpdir(), 'adbpg-sync-unload-'))
  try {
    const halves = [`id < ${count >> 1}`, `id >= ${count >> 1}`]
    const psql = () =>
      secondsOf(() => Promise.all(halves.map((half, n) => copyByPsql(lab.url, half, join(folder, `${n}.csv`)))))
    const seconds = await interleave(rounds, { psql, ours: () => secondsOf(() => exported(lab, count)) })
    return {
      bytes: bytes.length,
      rows: count,
      psqlSeconds: rounded(seconds.psql),
      oursSeconds: rounded(seconds.ours),
      ratio: rounded(seconds.psql / seconds.ours),
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function copyByPsql(url: string, condition: string, file: string): Promise<void> {
  const command = `\\copy (select * from public.unload where ${condition}) to '${file}' with (format csv)`
  const child = spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-c', command, url], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`psql ended with ${code}`)
}

async function exported(lab: Lab, rows: number): Promise<void> {
  const report = await lab.run(job)
  if (report.rows.loaded !== rows) throw new Error(`${report.rows.loaded} of ${rows} rows were unloaded`)
}

const end = (name: string, parameter: object) => ({ name, parameter })
const job = {
  name: 'bench-unload',
  script: {
    job: {
      content: [
        {
          reader: end('adbpgreader', {
            datasource: 'adbpg_local',
            table: 'public.unload',
            column: ['*'],
            splitPk: 'id',
          }),
          writer: end('osswriter', {
            datasource: 'oss_local',
            object: 'unload/part',
            writeMode: 'truncate',
            fileFormat: 'csv',
          }),
        },
      ],
      setting: { speed: { channel: 2 }, errorLimit: { record: 0 } },
    },
  },
}
