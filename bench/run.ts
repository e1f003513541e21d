/** `npm run bench -- --help`. What it prints is told in bench/README.md. */
import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { forms } from './forms.ts'
import { openLab } from './lab.ts'
import { machineFacts } from './machine.ts'
import { badRecords } from './parts/bad-records.ts'
import { databases, sourceNames } from './parts/databases.ts'
import { latency } from './parts/latency.ts'
import { memory } from './parts/memory.ts'
import { smallFiles } from './parts/small-files.ts'
import { unload } from './parts/unload.ts'
import { wholePath } from './parts/whole-path.ts'

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    part: { type: 'string', multiple: true },
    form: { type: 'string', multiple: true },
    input: { type: 'string', multiple: true },
    source: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    mb: { type: 'string' },
    records: { type: 'string' },
    files: { type: 'string' },
    times: { type: 'string' },
    rounds: { type: 'string' },
    profile: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
})

const given = (text: string | undefined, quick: number, whole: number) =>
  text === undefined ? (values.quick ? quick : whole) : Number(text)
const megabytes = given(values.mb, 30, 1000)
const databaseMegabytes = given(values.mb, 10, 500)
const records = given(values.records, 100_000, 1_000_000)
const files = given(values.files, 200, 10_000)
const times = given(values.times, 20, 100)
const rounds = given(values.rounds, 1, 3)

/** All of them take three minutes. */
const quickInputs = ['CSV as gzip', 'Parquet', 'a table']

type Lab = Awaited<ReturnType<typeof openLab>>
const parts: Readonly<Record<string, (lab: Lab) => Promise<unknown>>> = {
  'whole-path': (lab) => wholePath(lab, { megabytes, rounds, only: values.form }),
  'bad-records': (lab) => badRecords(lab, { records, rounds }),
  memory: (lab) => memory(lab, { megabytes, only: values.input ?? (values.quick ? quickInputs : undefined) }),
  unload: (lab) => unload(lab, { megabytes, rounds }),
  databases: (lab) => databases(lab, { megabytes: databaseMegabytes, rounds, only: values.source }),
  'small-files': (lab) => smallFiles(lab, { files, kilobytes: 20, rounds }),
  latency: (lab) => latency(lab, { times }),
}

const help = `npm run bench [-- options]: what we cost beside COPY alone, in one run, interleaved, medians

  --part <name>      ${Object.keys(parts).join(', ')}; may be repeated; all when unset
  --form <name>      of the whole path: ${Object.keys(forms).join('; ')}
  --input <name>     of the part memory, as it prints them; may be repeated
  --source <name>    of the part databases: ${sourceNames.join(', ')}; may be repeated
  --quick            small data and one round, under two minutes: for a look, not for a claim
  --mb <number>      megabytes of CSV of the whole path (1000) or of a database (500)
  --records <number> of a chunk with bad records (1000000)
  --files <number>   small files (10000)
  --times <number>   files whose latency is measured (100)
  --rounds <number>  of each case (3)
  --profile <folder> CPU profiles of the functions and of the platform
  --save             keep the results in bench/results/<date>.json

Compare ratios of one run, not seconds of two: they move with the machine.`

if (values.help) console.log(help)
else await run(values.part ?? Object.keys(parts))

async function run(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => parts[name] === undefined)
  if (unknown !== undefined) throw new Error(`no part ${unknown}: give one of ${Object.keys(parts).join(', ')}`)
  const results: Record<string, unknown> = { at: new Date().toISOString(), ...(await machineFacts()), rounds }
  if (values.quick) await runInOne(names, results)
  else await runApart(names, results)
  const text = JSON.stringify(results, null, 2)
  console.log(text)
  if (values.save) await save(text)
}

/** A stack of its own for each: what one leaves must not weigh on the next. */
async function runApart(names: readonly string[], results: Record<string, unknown>): Promise<void> {
  for (const name of names) {
    console.error(`\n${name}`)
    await using lab = await openLab(values.profile ?? null)
    results[name] = await parts[name]?.(lab)
  }
}

/** A stack takes seven seconds to start and to stop, which is more than most parts take with little data. */
async function runInOne(names: readonly string[], results: Record<string, unknown>): Promise<void> {
  await using lab = await openLab(values.profile ?? null)
  for (const name of names) {
    console.error(`\n${name}`)
    results[name] = await parts[name]?.(lab)
    await lab.sql('drop schema public cascade; create schema public')
  }
}

async function save(text: string): Promise<void> {
  const folder = new URL('results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  const file = new URL(`${new Date().toISOString().slice(0, 10)}.json`, folder)
  await writeFile(file, `${text}\n`)
}
