import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Lab } from '../lab.ts'
import { createLineitem, type LineitemFile, writeLineitem } from '../lineitem.ts'
import { caseResult, interleave, type Measured, measure } from '../measure.ts'
import { copyFromFile, isInstalled, pgloaderCsv, psqlCopies } from '../psql.ts'

const table = 'public.lineitem'

/**
 * The ceiling is `\copy` of one file for each core, side by side; ours is one object of the same bytes, from the end of its
 * PUT over event, plan and load to the last commit.
 */
export async function wholePath(lab: Lab, { megabytes, rounds }: { megabytes: number; rounds: number }) {
  const cores = availableParallelism()
  const files = await writeParts(lab, megabytes, cores)
  const all = { rows: sum(files.map(({ rows }) => rows)), bytes: sum(files.map(({ bytes }) => bytes)) }
  await lab.sql(createLineitem(table))
  await lab.store(jobOf('whole-path', cores, {}))
  const emptied = async () => {
    await lab.sql(`truncate ${table}`)
    await lab.sql('checkpoint')
  }
  const copied = async (statements: readonly string[]) => {
    await emptied()
    return await measure(lab.stackPid, () => psqlCopies(lab.postgresUrl, statements))
  }
  const dropped = async (job: string) => {
    await emptied()
    return await measureDropped(lab, job, paths, all.rows)
  }
  const paths = files.map(({ path }) => path)
  const copies = paths.map((path) => copyFromFile(table, path))
  const { one, ceiling, ours } = await interleave(rounds, {
    one: () => copied(copies.slice(0, 1)),
    ceiling: () => copied(copies),
    ours: () => dropped('whole-path'),
  })
  const of = { one: files[0] ?? all, all }
  const [psqlOne, psqlAll, oursAll] = [caseResult(one, of.one), caseResult(ceiling, of.all), caseResult(ours, of.all)]
  const pgloader = await pgloaderRate(lab, emptied)
  return {
    ...all,
    psql1: psqlOne,
    [`psql${cores}`]: psqlAll,
    ours: oursAll,
    pgloaderKrowsPerSecond: pgloader,
    ratios: {
      [`ours/psql${cores}`]: ratio(oursAll.krowsPerSecond, psqlAll.krowsPerSecond),
      'ours/pgloader': pgloader === null ? null : ratio(oursAll.krowsPerSecond, pgloader),
    },
  }
}

const ratio = (ours: number, theirs: number) => Number((ours / theirs).toFixed(3))
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

async function writeParts(lab: Lab, megabytes: number, parts: number): Promise<LineitemFile[]> {
  const files: LineitemFile[] = []
  for (let seed = 1; seed <= parts; seed += 1)
    files.push(
      await writeLineitem(join(lab.dir, `lineitem-${seed}.csv`), { targetBytes: (megabytes * 1e6) / parts, seed }),
    )
  return files
}

let drops = 0

/** From the end of the PUT to the last commit. */
async function measureDropped(lab: Lab, job: string, paths: readonly string[], rows: number): Promise<Measured> {
  // The same bytes under the same key would be the run of the round before.
  drops += 1
  const key = `in/${job}/lineitem-${drops}.csv`
  const { etag } = await lab.putFiles(key, paths)
  const loaded = async () => {
    const report = await lab.runOfObject(job, key, etag)
    if (report.rows.loaded !== rows) throw new Error(`${report.rows.loaded} rows were loaded of ${rows}`)
  }
  const measured = await measure(lab.stackPid, loaded, performance.now())
  await lab.remove([key])
  return measured
}

/** Once, with few rows: it takes fourteen times psql's time. */
async function pgloaderRate(lab: Lab, emptied: () => Promise<void>): Promise<number | null> {
  if (!isInstalled('pgloader')) return null
  const file = await writeLineitem(join(lab.dir, 'pgloader.csv'), { targetBytes: 5e7, seed: 9 })
  await emptied()
  const { seconds } = await measure(lab.stackPid, () => pgloaderCsv(lab.postgresUrl, table, file.path, lab.dir))
  return Math.round(file.rows / seconds / 1000)
}

const end = (name: string, parameter: object) => ({ name, parameter })

const jobOf = (name: string, channel: number, options: object) => ({
  name,
  triggers: [{ type: 'object', prefix: `in/${name}/` }],
  script: {
    job: {
      content: [
        {
          reader: end('ossreader', { datasource: 'oss_local', object: '${object}', column: ['*'], ...options }),
          writer: end('adbpgwriter', { datasource: 'adbpg_local', table, column: ['*'] }),
        },
      ],
      setting: { speed: { channel }, errorLimit: { record: 0 } },
    },
  },
})
