import type { Lab } from '../lab.ts'
import { interleave, type Measured, measure, median, rounded } from '../measure.ts'
import { rowsWithBad, tableOfRows } from '../rows.ts'

/** One chunk of this many records, about 60 MB. The bar is 10 bad ones in a million at 1.5 times a clean chunk. */
const placesOfBad = {
  clean: () => () => false,
  tenSpread: (records: number) => (id: number) => id % (records / 10) === records / 20,
  /** The worst place: all of the chunk has been sent when the server meets the first one. */
  tenAtTheEnd: (records: number) => (id: number) => id >= records - 10,
  thousandSpread: (records: number) => (id: number) => id % (records / 1000) === records / 2000,
} as const

/** What bad records cost a chunk: each is kept with its place and reason, and the others are loaded. */
export async function badRecords(lab: Lab, { records, rounds }: { records: number; rounds: number }) {
  await lab.sql(`create unlogged table public.bad ${tableOfRows}`)
  const names = Object.keys(placesOfBad) as (keyof typeof placesOfBad)[]
  const expected = new Map<string, number>()
  for (const name of names) {
    const isBad = placesOfBad[name](records)
    expected.set(name, Array.from({ length: records }, (_, id) => isBad(id)).filter(Boolean).length)
    await lab.put(`data/${name}.csv`, rowsWithBad(records, isBad).bytes)
  }
  const cases = Object.fromEntries(
    names.map((name) => [name, () => measured(lab, name, records, expected.get(name) ?? 0)]),
  )
  const all = await interleave(rounds, cases)
  const seconds = new Map(names.map((name) => [name, median((all[name] ?? []).map((round) => round.seconds))]))
  const clean = seconds.get('clean') ?? 0
  return {
    records,
    seconds: Object.fromEntries([...seconds].map(([name, value]) => [name, rounded(value)])),
    /** Speed beside that of a clean chunk. */
    ratios: Object.fromEntries([...seconds].map(([name, value]) => [name, rounded(clean / value)])),
  }
}

async function measured(lab: Lab, name: string, records: number, bad: number): Promise<Measured> {
  await lab.sql('truncate public.bad')
  return await measure(lab.stackPid, async () => {
    const { rows } = await lab.run(jobOf(name))
    if (rows.dirty !== bad || rows.loaded !== records - bad)
      throw new Error(`${name}: ${rows.dirty} dirty and ${rows.loaded} loaded of ${records} with ${bad} bad ones`)
  })
}

const jobOf = (name: string) => ({
  name: `bench-${name}`,
  script: {
    job: {
      content: [
        {
          reader: {
            name: 'ossreader',
            parameter: { datasource: 'oss_local', object: `data/${name}.csv`, column: ['*'] },
          },
          writer: { name: 'adbpgwriter', parameter: { datasource: 'adbpg_local', table: 'public.bad', column: ['*'] } },
        },
      ],
      setting: { speed: { channel: 1 }, errorLimit: { record: 100_000 } },
    },
  },
})
