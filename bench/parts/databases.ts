import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { datasourceKey } from '../../shared/staging/keys.ts'
import { finished, piped } from '../command.ts'
import type { Lab } from '../lab.ts'
import { createLineitem, type LineitemFile, writeLineitem } from '../lineitem.ts'
import { warmMemory } from '../machine.ts'
import { caseResult, interleave, type Measured, measure, rounded } from '../measure.ts'
import { psqlWords } from '../psql.ts'
import { openMysqlSource } from '../sources/mysql.ts'
import { openPostgresSource } from '../sources/postgres.ts'
import { type BenchSource, type Secret, sourceTable } from '../sources/source.ts'

const target = 'public.from_database'

const sources: Readonly<Record<string, (lab: Lab, file: LineitemFile) => Promise<BenchSource | string>>> = {
  postgresql: (lab, { path }) => openPostgresSource(path, secretOf(lab), join(lab.dir, 'source')),
  mysql: (lab, { path }) => openMysqlSource(path, secretOf(lab)),
}
export const sourceNames = Object.keys(sources)

/**
 * Rows of another server, from the start of a run to the last commit. The ceiling is as many pipes from client to client as
 * there are cores, each with its range of the key. Beside it the clients that read, alone, whose rows go nowhere.
 */
export async function databases(lab: Lab, { megabytes, rounds, only = sourceNames }: DatabasesOptions) {
  const file = await writeLineitem(join(lab.dir, 'database.csv'), { seed: 1, until: { bytes: megabytes * 1e6 } })
  await lab.sql(createLineitem(target))
  await lab.sql(`alter table ${target} add id bigint`)
  const results: Record<string, unknown> = {}
  for (const name of only) {
    const opened = (await sources[name]?.(lab, file)) ?? `no source ${name}: give one of ${sourceNames.join(', ')}`
    if (typeof opened === 'string') {
      console.error(`${name} is left out: ${opened}`)
      results[name] = { leftOut: opened }
      continue
    }
    await using source = opened
    results[name] = await measureSource(lab, { name, source, file, rounds })
  }
  return { rows: file.rows, bytes: file.bytes, ...results }
}

interface DatabasesOptions {
  readonly megabytes: number
  readonly rounds: number
  /** Names of sources; unset: all. */
  readonly only?: readonly string[] | undefined
}

interface OneSource {
  readonly name: string
  readonly source: BenchSource
  readonly file: LineitemFile
  readonly rounds: number
}

async function measureSource(lab: Lab, { name, source, file, rounds }: OneSource) {
  const cores = availableParallelism()
  await lab.put(datasourceKey(name), Buffer.from(JSON.stringify(source.datasource)))
  const clients = rangesOf(cores, file.rows).map(source.printing)
  const copyIn = psqlWords(lab.postgresUrl, `copy ${target} from stdin`)
  const job = jobOf(name, source.plugin, cores)
  const theirs: Record<string, () => Promise<Measured>> = {
    [`${source.client}, 1 client`]: () => measure(lab.stackPid, () => finished(source.printing('id > 0'))),
    [`${source.client}, ${cores} clients`]: () => measure(lab.stackPid, () => Promise.all(clients.map(finished))),
    [`${source.client} | psql, ${cores} pipes`]: () =>
      measureFilled(lab, file.rows, () => Promise.all(clients.map((client) => piped(client, copyIn)))),
  }
  const measured = await interleave(rounds, {
    ...theirs,
    ours: () => measureFilled(lab, file.rows, () => lab.run(job)),
  })
  const cases = Object.fromEntries(Object.entries(measured).map(([of, some]) => [of, caseResult(some, file)]))
  const ours = cases.ours?.seconds ?? 0
  // Rows per second beside those of each other case.
  const ratios = Object.keys(theirs).map((of) => [`ours/${of}`, rounded((cases[of]?.seconds ?? 0) / ours, 3)])
  return { cases, ratios: Object.fromEntries(ratios) }
}

/** Into a table that has just been emptied (whole-path.ts). @throws when it does not hold all rows then */
async function measureFilled(lab: Lab, rows: number, fill: () => Promise<unknown>): Promise<Measured> {
  await lab.sql(`truncate ${target}`)
  await lab.sql('checkpoint')
  await warmMemory(rows * rowBytes)
  const measured = await measure(lab.stackPid, fill)
  const [found] = await lab.rows<{ n: number }>(`select count(*)::integer as n from ${target}`)
  if (found?.n !== rows) throw new Error(`${found?.n} rows came of ${rows}`)
  return measured
}

/** Of a row of lineitem in a table. */
const rowBytes = 150

const rangesOf = (parts: number, rows: number): string[] => {
  const bound = (part: number) => Math.floor((part * rows) / parts)
  return Array.from({ length: parts }, (_, part) => `id > ${bound(part)} and id <= ${bound(part + 1)}`)
}

/** The password of the stack's own database, which its functions have. */
const secretOf = ({ postgresUrl }: Lab): Secret => ({
  text: decodeURIComponent(new URL(postgresUrl).password),
  ref: 'env:ADBPG_LOCAL_PASSWORD',
})

const jobOf = (datasource: string, plugin: string, channel: number) => ({
  name: `from-${datasource}`,
  script: {
    job: {
      content: [
        {
          reader: { name: plugin, parameter: { datasource, table: sourceTable, column: ['*'], splitPk: 'id' } },
          writer: { name: 'adbpgwriter', parameter: { datasource: 'adbpg_local', table: target, column: ['*'] } },
        },
      ],
      setting: { speed: { channel }, errorLimit: { record: 0 } },
    },
  },
})
