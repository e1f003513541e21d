import type { Lab } from '../lab.ts'
import { measure, median, rounded } from '../measure.ts'
import type { SpentByPart } from '../processes.ts'
import { rowsOfBytes, tableOfRows } from '../rows.ts'

/** Clients that put at the same time. */
const clients = 16

/**
 * Many small files against one with the same bytes: dropped, from the first PUT and from the end of the last to the last row; and
 * imported by a pattern. The bar is 4 times the one file, from the end of the PUT.
 */
export async function smallFiles(
  lab: Lab,
  { files, kilobytes, rounds }: { files: number; kilobytes: number; rounds: number },
) {
  await lab.sql(`create unlogged table public.small ${tableOfRows}`)
  const text = rowsOfBytes(kilobytes * 1000 * files, 0).bytes
  const pieces = cutAtLines(text, files)
  const rows = countLines(text)
  const figures = { one: [] as Dropped[], many: [] as Dropped[], pattern: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    figures.one.push(await dropped(lab, `one${round}`, [text], rows))
    figures.many.push(await dropped(lab, `many${round}`, pieces, rows))
    await lab.sql('truncate public.small')
    await putAll(lab, `data/small${round}/`, pieces)
    figures.pattern.push(await secondsOf(() => lab.run(jobOf(`pattern${round}`, `data/small${round}/*`, []))))
  }
  const of = (which: 'one' | 'many', what: Exclude<keyof Dropped, 'spent'>) =>
    median(figures[which].map((one) => one[what]))
  return {
    files,
    bytes: text.length,
    rows,
    oneSeconds: rounded(of('one', 'behindPut')),
    manySeconds: rounded(of('many', 'behindPut')),
    ratioBehindPut: rounded(of('many', 'behindPut') / of('one', 'behindPut')),
    putSeconds: rounded(of('many', 'put')),
    ratioWithPut: rounded((of('many', 'put') + of('many', 'behindPut')) / (of('one', 'put') + of('one', 'behindPut'))),
    runs: of('many', 'runs'),
    copies: of('many', 'copies'),
    cpuMsPerFile: Object.fromEntries(
      [...(figures.many.at(-1)?.spent ?? [])].map(([part, { cpuSeconds }]) => [
        part,
        rounded((cpuSeconds * 1000) / files),
      ]),
    ),
    patternSeconds: rounded(median(figures.pattern)),
    ratioOfPattern: rounded(median(figures.pattern) / of('one', 'behindPut')),
  }
}

interface Dropped {
  /** Seconds from the first PUT to the end of the last. */
  readonly put: number
  /** Seconds from there to the last row. */
  readonly behindPut: number
  readonly runs: number
  readonly copies: number
  /** From the first PUT to the last row. */
  readonly spent: SpentByPart
}

async function dropped(lab: Lab, name: string, pieces: readonly Buffer[], rows: number): Promise<Dropped> {
  await lab.sql('truncate public.small')
  const job = jobOf(name, '${object}', [{ type: 'object', prefix: `in/${name}/` }])
  await lab.putWhole(`jobs/${name}.json`, Buffer.from(JSON.stringify(job)))
  let [put, behindPut] = [0, 0]
  const { spent } = await measure(lab.stackPid, async () => {
    put = await secondsOf(() => putAll(lab, `in/${name}/`, pieces))
    behindPut = await secondsOf(() => untilThere(lab, rows))
  })
  const [counts] = await lab.rows<{ runs: number; copies: number }>(
    `select count(distinct run_id)::integer as runs, count(c.ordinal)::integer as copies
     from adbpg_sync.run r left join adbpg_sync.chunk c using (run_id) where r.job = '${name}'`,
  )
  console.error(
    `${name}: put ${put.toFixed(1)} s, then ${behindPut.toFixed(1)} s, ${counts?.runs} runs, ${counts?.copies} chunks`,
  )
  return { put, behindPut, runs: counts?.runs ?? 0, copies: counts?.copies ?? 0, spent }
}

async function untilThere(lab: Lab, rows: number): Promise<void> {
  for (;;) {
    const [found] = await lab.rows<{ rows: number }>('select count(*)::integer as rows from public.small')
    if (found?.rows === rows) return
    if ((found?.rows ?? 0) > rows) throw new Error(`${found?.rows} rows of ${rows}: something was loaded twice`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function putAll(lab: Lab, prefix: string, pieces: readonly Buffer[]): Promise<void> {
  const left = pieces
    .map((bytes, index) => ({ key: `${prefix}${String(index).padStart(6, '0')}.csv`, bytes }))
    .reverse()
  const client = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop())
      await (next.bytes.length > 10_000_000 ? lab.put(next.key, next.bytes) : lab.putWhole(next.key, next.bytes))
  }
  await Promise.all(Array.from({ length: clients }, client))
}

function cutAtLines(text: Buffer, files: number): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  for (let file = 1; file <= files; file += 1) {
    const goal = Math.floor((text.length * file) / files)
    const end = file === files ? text.length : text.indexOf(0x0a, goal) + 1
    if (end > start) pieces.push(text.subarray(start, end))
    start = end
  }
  return pieces
}

function countLines(text: Buffer): number {
  let lines = 0
  for (let at = text.indexOf(0x0a); at !== -1; at = text.indexOf(0x0a, at + 1)) lines += 1
  return lines
}

const end = (name: string, parameter: object) => ({ name, parameter })
const jobOf = (name: string, object: string, triggers: readonly object[]) => ({
  name,
  triggers,
  script: {
    job: {
      content: [
        {
          reader: end('ossreader', { datasource: 'oss_local', object, column: ['*'] }),
          writer: end('adbpgwriter', { datasource: 'adbpg_local', table: 'public.small', column: ['*'] }),
        },
      ],
      setting: { speed: { channel: 2 }, errorLimit: { record: 0 } },
    },
  },
})

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}
