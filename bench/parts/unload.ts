import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Lab } from '../lab.ts'
import { createLineitem, writeLineitem } from '../lineitem.ts'
import { caseResult, interleave, measure } from '../measure.ts'
import { copyFromFile, psqlCopies } from '../psql.ts'

const table = 'public.unloaded'

/**
 * The ceiling is as many sessions of psql as there are cores, each writing its part of the table into a file; ours is the whole path
 * into OSS, from the start to the objects that can be seen.
 */
export async function unload(lab: Lab, { megabytes, rounds }: { megabytes: number; rounds: number }) {
  const cores = availableParallelism()
  const file = await writeLineitem(join(lab.dir, 'unloaded.csv'), { seed: 1, until: { bytes: megabytes * 1e6 } })
  const { rows, bytes } = file
  await lab.sql(createLineitem(table))
  await psqlCopies(lab.postgresUrl, [copyFromFile(table, file.path)])
  await lab.sql(`alter table ${table} add column id bigserial primary key`)
  await lab.sql(`analyze ${table}`)
  const copies = Array.from({ length: cores }, (_, part) => copyToFile(lab, part, cores, rows))
  const { ceiling, ours } = await interleave(rounds, {
    ceiling: () => measure(lab.stackPid, () => psqlCopies(lab.postgresUrl, copies)),
    ours: () => measure(lab.stackPid, () => exported(lab, rows, cores)),
  })
  const [psql, all] = [caseResult(ceiling, { rows, bytes }), caseResult(ours, { rows, bytes })]
  const ratio = Number((all.krowsPerSecond / psql.krowsPerSecond).toFixed(3))
  return { rows, bytes, [`psql${cores}`]: psql, ours: all, ratios: { [`ours/psql${cores}`]: ratio } }
}

/** Ranges of the key, as the export cuts them. */
function copyToFile(lab: Lab, part: number, parts: number, rows: number): string {
  const bound = (n: number) => Math.floor((n * rows) / parts)
  const range = `id > ${bound(part)} and id <= ${bound(part + 1)}`
  return `\\copy (select * from ${table} where ${range}) to '${join(lab.dir, `unloaded-${part}.csv`)}' with (format csv)`
}

async function exported(lab: Lab, rows: number, concurrent: number): Promise<void> {
  const report = await lab.run(jobOf(concurrent))
  if (report.rows.loaded !== rows) throw new Error(`${report.rows.loaded} of ${rows} rows were unloaded`)
}

const end = (name: string, parameter: object) => ({ name, parameter })
const jobOf = (concurrent: number) => ({
  name: 'unload',
  script: {
    job: {
      content: [
        {
          reader: end('adbpgreader', { datasource: 'adbpg_local', table, column: ['*'], splitPk: 'id' }),
          writer: end('osswriter', { datasource: 'oss_local', object: 'unloaded/part', writeMode: 'truncate' }),
        },
      ],
      setting: { speed: { channel: concurrent }, errorLimit: { record: 0 } },
    },
  },
})
