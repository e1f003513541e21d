import { plainTable } from '../forms.ts'
import type { Lab } from '../lab.ts'
import { createLineitem } from '../lineitem.ts'
import { type Measured, measure, rounded } from '../measure.ts'
import {
  copiedTable,
  type MemoryInput,
  memoryInputs,
  narrowTable,
  narrowTableWithSource,
  textColumns,
  textTable,
  wideColumns,
  wideTable,
} from '../memory-inputs.ts'

/** Megabytes that a function may have at its peak, whatever it is given. */
const bounds: Readonly<Record<string, number>> = { 'function load': 160, 'function stage': 256, 'function plan': 256 }

/** Peak RSS of each function for inputs that are made to be large, in instances that the inputs before have used. */
export async function memory(
  lab: Lab,
  { megabytes, only }: { readonly megabytes: number; readonly only: readonly string[] | undefined },
) {
  await createTables(lab)
  const results: Record<string, PeaksOfInput> = {}
  for (const [index, [name, input]] of Object.entries(memoryInputs(megabytes)).entries()) {
    if (only !== undefined && !only.includes(name)) continue
    results[name] = await measureInput(lab, name, input, index)
  }
  return { bounds, inputs: results, ...verdictOf(results) }
}

async function createTables(lab: Lab): Promise<void> {
  await lab.sql(createLineitem(plainTable))
  await lab.sql(`create unlogged table ${wideTable} (${wideColumns.map((name) => `${name} integer`).join(', ')})`)
  await lab.sql(`create unlogged table ${narrowTable} (id bigint, note text)`)
  await lab.sql(`create unlogged table ${textTable} (${textColumns.map((name) => `${name} text`).join(', ')})`)
  await lab.sql(`create unlogged table ${copiedTable} (id bigint, note text)`)
  await lab.sql(`create unlogged table ${narrowTableWithSource} (id bigint, note text, source text)`)
}

interface PeaksOfInput {
  readonly ended: string
  readonly peakRssMb: Readonly<Record<string, number>>
  /** Functions beyond their bound. */
  readonly over: readonly string[]
}

async function measureInput(lab: Lab, name: string, input: MemoryInput, index: number): Promise<PeaksOfInput> {
  const key = `data/memory-${index}`
  await input.put(lab, key)
  let ended = ''
  const measured = await measure(lab.stackPid, async () => {
    ended = await outcomeOf(lab, input, jobOf(`memory-${index}`, input, key))
  })
  await lab.remove([key])
  const peaks = peaksOf(measured)
  const told = Object.entries(peaks.peakRssMb).filter(([part]) => bounds[part] !== undefined)
  const text = told.map(([part, mb]) => `${part.slice('function '.length)} ${mb} MB`).join(', ')
  console.error(`${name}: ${text}${peaks.over.length > 0 ? ', OVER' : ''} (${ended})`)
  return { ended, ...peaks }
}

/** @throws when the run comes to anything else than it has to */
async function outcomeOf(lab: Lab, { expected }: MemoryInput, job: object): Promise<string> {
  const { rows, message } = await lab.run(job).then(
    (report) => ({ rows: report.rows, message: null }),
    (error: Error) => ({ rows: null, message: error.message }),
  )
  const came = rows === null ? 'refused' : rows.dirty > 0 ? 'dirty' : 'rows'
  const ended = rows === null ? message : `${rows.loaded} rows, ${rows.dirty} dirty`
  if (came !== expected) throw new Error(`the run came to ${came}, not to ${expected}: ${ended}`)
  return ended
}

function peaksOf({ spent }: Measured): Omit<PeaksOfInput, 'ended'> {
  const functions = [...spent].filter(([part]) => part.startsWith('function'))
  const peakRssMb = Object.fromEntries(functions.map(([part, spentByIt]) => [part, rounded(spentByIt.peakRssMb, 0)]))
  const over = Object.keys(peakRssMb).filter((part) => (peakRssMb[part] ?? 0) > (bounds[part] ?? Infinity))
  return { peakRssMb, over }
}

/** The largest of all inputs, and whether every bound holds. */
function verdictOf(results: Readonly<Record<string, PeaksOfInput>>) {
  const largest: Record<string, number> = {}
  for (const { peakRssMb } of Object.values(results))
    for (const [part, mb] of Object.entries(peakRssMb)) largest[part] = Math.max(largest[part] ?? 0, mb)
  return { largest, holds: Object.values(results).every(({ over }) => over.length === 0) }
}

const jobOf = (name: string, { ends, errorLimit = 10 }: MemoryInput, key: string) => ({
  name,
  script: { job: { content: [ends(key)], setting: { speed: { channel: 2 }, errorLimit: { record: errorLimit } } } },
})
