import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Lab } from '../lab.ts'
import { createLineitem, writeLineitem } from '../lineitem.ts'
import { type Measured, measure, rounded } from '../measure.ts'

/** Megabytes that a function may have at its peak, whatever it is given. */
const bounds = { 'function load': 160, 'function stage': 256, 'function plan': 256 } as const

interface Case {
  readonly name: string
  readonly put: (lab: Lab, key: string) => Promise<unknown>
  readonly table: string
  readonly options: object
  /** What the run has to come to. */
  readonly expected: 'rows' | 'dirty' | 'failed'
}

const columns = Array.from({ length: 1600 }, (_, index) => `c${index}`)

const wideRow = (row: number) => Buffer.from(`${columns.map((_, index) => row * index).join(',')}\n`)
const longRecord = Buffer.concat([Buffer.from('1,"'), Buffer.alloc(64 * 1024 * 1024, 'x'), Buffer.from('"\n2,short\n')])

const cases = (megabytes: number): readonly Case[] => [
  {
    name: `CSV of ${megabytes} MB`,
    table: 'public.lineitem',
    options: {},
    expected: 'rows',
    put: async (lab, key) => {
      const path = join(lab.dir, 'large.csv')
      await writeLineitem(path, { seed: 5, until: { bytes: megabytes * 1e6 } })
      await lab.putFiles(key, [path])
    },
  },
  {
    name: 'rows of 1,600 columns',
    table: 'public.wide',
    options: {},
    expected: 'rows',
    put: (lab, key) => lab.put(key, Buffer.concat(Array.from({ length: 10_000 }, (_, row) => wideRow(row)))),
  },
  {
    name: 'a record of 64 MB',
    table: 'public.narrow',
    options: {},
    expected: 'dirty',
    put: (lab, key) => lab.put(key, longRecord),
  },
  {
    name: 'a record of 64 MB, inflated',
    table: 'public.narrow',
    options: { compress: 'gzip' },
    expected: 'dirty',
    put: (lab, key) => lab.put(key, gzipSync(longRecord)),
  },
  {
    name: 'a bomb: 1 GB of one byte as gzip',
    table: 'public.narrow',
    options: { compress: 'gzip' },
    expected: 'failed',
    put: (lab, key) => lab.put(key, Buffer.concat(Array(64).fill(gzipSync(Buffer.alloc(16 * 1024 * 1024, 'x'))))),
  },
]

/** Peak RSS of each function for inputs that are made to be large, in instances that other cases have used before. */
export async function memory(lab: Lab, { megabytes }: { megabytes: number }) {
  await lab.sql(createLineitem('public.lineitem'))
  await lab.sql(`create unlogged table public.wide (${columns.map((name) => `${name} integer`).join(', ')})`)
  await lab.sql('create unlogged table public.narrow (id bigint, note text)')
  const results: Record<string, unknown> = {}
  for (const [index, one] of cases(megabytes).entries()) {
    const key = `data/memory-${index}`
    await one.put(lab, key)
    let ended = ''
    const measured = await measure(lab.stackPid, async () => {
      ended = await outcomeOf(lab, one, key, index)
    })
    console.error(`${one.name}: ${ended}`)
    results[one.name] = { ended, ...peaksOf(measured) }
    await lab.remove([key])
  }
  return results
}

async function outcomeOf(lab: Lab, one: Case, key: string, index: number): Promise<string> {
  try {
    const { rows } = await lab.run(jobOf(index, one, key))
    if ((rows.dirty > 0 ? 'dirty' : 'rows') !== one.expected)
      throw new Error(`${one.name} has ${rows.dirty} dirty records`)
    return `${rows.loaded} rows, ${rows.dirty} dirty`
  } catch (error) {
    if (one.expected !== 'failed' || !(error instanceof Error)) throw error
    return error.message
  }
}

function peaksOf({ spent }: Measured) {
  const peaks = [...spent].filter(([part]) => part.startsWith('function'))
  const over = Object.entries(bounds).filter(
    ([part, mb]) => (spent.get(part as keyof typeof bounds)?.peakRssMb ?? 0) > mb,
  )
  return {
    peakRssMb: Object.fromEntries(peaks.map(([part, { peakRssMb }]) => [part, rounded(peakRssMb, 0)])),
    over: over.map(([part]) => part),
  }
}

const jobOf = (index: number, { table, options }: Case, object: string) => ({
  name: `memory-${index}`,
  script: {
    job: {
      content: [
        {
          reader: { name: 'ossreader', parameter: { datasource: 'oss_local', object, column: ['*'], ...options } },
          writer: { name: 'adbpgwriter', parameter: { datasource: 'adbpg_local', table, column: ['*'] } },
        },
      ],
      setting: { speed: { channel: 2 }, errorLimit: { record: 10 } },
    },
  },
})
