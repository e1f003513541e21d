import type { Lab } from '../lab.ts'
import { interleave, rounded, secondsOf } from '../measure.ts'
import { rowsOfBytes, tableOfRows } from '../rows.ts'

/** The ceiling is two plain COPY sessions over two halves of the file; ours is plan and load of it, to the last commit. */
export async function wholePath(lab: Lab, { megabytes, rounds }: { megabytes: number; rounds: number }) {
  await lab.sql(`create unlogged table public.bench ${tableOfRows}`)
  const halves = [rowsOfBytes(megabytes * 5e5, 0), rowsOfBytes(megabytes * 5e5, 1e9)]
  const bytes = halves.reduce((sum, half) => sum + half.bytes.length, 0)
  await lab.put('data/bench.csv', Buffer.concat(halves.map((half) => half.bytes)))
  const copyHalf = (half: Buffer) => lab.copy('copy public.bench from stdin with (format csv)', half)
  const emptied = async (work: () => Promise<unknown>) => {
    await lab.sql('truncate public.bench')
    return await secondsOf(work)
  }
  const { copy, ours } = await interleave(rounds, {
    copy: () => emptied(() => Promise.all(halves.map((half) => copyHalf(half.bytes)))),
    ours: () => emptied(() => lab.run(job)),
  })
  return {
    bytes,
    rows: halves.reduce((sum, half) => sum + half.count, 0),
    copySeconds: rounded(copy),
    oursSeconds: rounded(ours),
    copyMBps: rounded(bytes / 1e6 / copy),
    oursMBps: rounded(bytes / 1e6 / ours),
    ratio: rounded(copy / ours),
  }
}

const end = (name: string, parameter: object) => ({ name, parameter })
const job = {
  name: 'bench',
  script: {
    job: {
      content: [
        {
          reader: end('ossreader', { datasource: 'oss_local', object: 'data/bench.csv', column: ['*'] }),
          writer: end('adbpgwriter', { datasource: 'adbpg_local', table: 'public.bench', column: ['*'] }),
        },
      ],
      setting: { speed: { channel: 2 }, errorLimit: { record: 0 } },
    },
  },
}
