import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { collectGarbage } from '../../shared/codecs/collect-garbage.ts'
import { isInstalled } from '../command.ts'
import { type Form, forms, plainTable } from '../forms.ts'
import type { Lab } from '../lab.ts'
import { createLineitem, type LineitemFile, writeLineitem } from '../lineitem.ts'
import { warmMemory } from '../machine.ts'
import { caseResult, interleave, type Measured, measure } from '../measure.ts'
import { copyFromFile, pgloaderCsv, psqlCopies } from '../psql.ts'

/**
 * The ceiling is `\copy` of one file for each core, side by side; ours is one object of the same rows, from the end of its
 * PUT over event, plan and load to the last commit.
 */
export async function wholePath(lab: Lab, { megabytes, rounds, only }: WholePathOptions) {
  const cores = availableParallelism()
  const files = await writeParts(lab, megabytes, cores)
  const all = { rows: sum(files.map(({ rows }) => rows)), bytes: sum(files.map(({ bytes }) => bytes)) }
  await lab.sql(createLineitem(plainTable))
  /** Right before what is measured, and not before the PUT of a case. */
  const emptied = async () => {
    await lab.sql(`truncate ${plainTable}`)
    await lab.sql('checkpoint')
    collectGarbage()
    await warmMemory(1.2 * all.bytes)
  }
  const paths = files.map(({ path }) => path)
  const copies = paths.map((path) => copyFromFile(plainTable, path))
  const copied = async (statements: readonly string[]) => {
    await emptied()
    return await measure(lab.stackPid, () => psqlCopies(lab.postgresUrl, statements))
  }
  const ceilingName = `psql, ${cores} sessions`
  const cases: Record<string, () => Promise<Measured>> = {
    'psql, 1 session': () => copied(copies.slice(0, 1)),
    [ceilingName]: () => copied(copies),
  }
  for (const [index, [name, form]] of Object.entries(forms).entries()) {
    if (only !== undefined && !only.includes(name)) continue
    const job = `form-${index}`
    const written = (await form.write?.(lab.dir, files)) ?? paths
    await lab.store(jobOf(job, cores, form))
    cases[name] = () =>
      measureDropped(lab, { job, suffix: form.suffix, paths: written, rows: all.rows, beforeEnd: emptied })
  }
  const measured = await interleave(rounds, cases)
  const results = Object.entries(measured).map(
    ([name, some]) => [name, caseResult(some, name === 'psql, 1 session' ? (files[0] ?? all) : all)] as const,
  )
  const pgloader = await pgloaderRate(lab, emptied, Math.min(50, megabytes / 3))
  const ceiling = results.find(([name]) => name === ceilingName)?.[1].krowsPerSecond ?? 0
  const ours = results.filter(([name]) => !name.startsWith('psql'))
  const csv = results.find(([name]) => name === 'csv')?.[1].krowsPerSecond ?? 0
  return {
    ...all,
    cases: Object.fromEntries(results),
    pgloaderKrowsPerSecond: pgloader,
    /** Rows per second beside those of the ceiling. */
    ratios: Object.fromEntries(ours.map(([name, { krowsPerSecond }]) => [name, ratio(krowsPerSecond, ceiling)])),
    /** Seconds of the ceiling beside ours of the same round, for the same rows: how far one round may be trusted. */
    ratiosByRound: Object.fromEntries(
      ours.map(([name]) => [name, ratiosByRound(measured[ceilingName], measured[name])]),
    ),
    csvBesidePgloader: pgloader === null ? null : ratio(csv, pgloader),
  }
}

interface WholePathOptions {
  readonly megabytes: number
  readonly rounds: number
  /** Names of forms; unset: all. */
  readonly only?: readonly string[] | undefined
}

const ratiosByRound = (ceiling: readonly Measured[] = [], ours: readonly Measured[] = []) =>
  ours.flatMap(({ seconds }, round) => {
    const theirs = ceiling[round]
    return theirs === undefined ? [] : [ratio(theirs.seconds, seconds)]
  })
const ratio = (ours: number, theirs: number) => Number((ours / theirs).toFixed(3))
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

async function writeParts(lab: Lab, megabytes: number, parts: number): Promise<LineitemFile[]> {
  const files: LineitemFile[] = []
  for (let seed = 1; seed <= parts; seed += 1)
    files.push(
      await writeLineitem(join(lab.dir, `lineitem-${seed}.csv`), { seed, until: { bytes: (megabytes * 1e6) / parts } }),
    )
  return files
}

let drops = 0

interface Drop {
  readonly job: string
  readonly suffix: string
  readonly paths: readonly string[]
  readonly rows: number
  /** What is to be done before the PUT ends. */
  readonly beforeEnd: () => Promise<void>
}

/** From the end of the PUT to the last commit. */
async function measureDropped(lab: Lab, { job, suffix, paths, rows, beforeEnd }: Drop): Promise<Measured> {
  // The same bytes under the same key would be the run of the round before.
  drops += 1
  const key = `in/${job}/lineitem-${drops}${suffix}`
  const { etag } = await lab.putFiles(key, paths, beforeEnd)
  const loaded = async () => {
    const report = await lab.runOfObject(job, key, etag)
    if (report.rows.loaded !== rows) throw new Error(`${report.rows.loaded} rows were loaded of ${rows}`)
  }
  const measured = await measure(lab.stackPid, loaded, performance.now())
  await lab.remove([key])
  return measured
}

/** Once, with few rows: it takes fourteen times psql's time. */
async function pgloaderRate(lab: Lab, emptied: () => Promise<void>, megabytes: number): Promise<number | null> {
  if (!isInstalled('pgloader')) return null
  const file = await writeLineitem(join(lab.dir, 'pgloader.csv'), { seed: 9, until: { bytes: megabytes * 1e6 } })
  await emptied()
  const { seconds } = await measure(lab.stackPid, () => pgloaderCsv(lab.postgresUrl, plainTable, file.path, lab.dir))
  return Math.round(file.rows / seconds / 1000)
}

const end = (name: string, parameter: object) => ({ name, parameter })

const jobOf = (name: string, channel: number, { table, options }: Form) => ({
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
      setting: { speed: { channel }, errorLimit: { record: 1_000_000 } },
    },
  },
})
