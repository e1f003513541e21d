/**
 * `npm run bench [-- --part whole-path --part bad-records --mb 200 --records 1000000 --rounds 3]`: what we cost beside COPY
 * alone, and bad records beside good ones, in one run, interleaved, medians. Compare ratios, not seconds: they move with
 * the machine.
 */
import { parseArgs } from 'node:util'
import { openLab } from './lab.ts'
import { badRecords } from './parts/bad-records.ts'
import { unload } from './parts/unload.ts'
import { wholePath } from './parts/whole-path.ts'

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: ['whole-path', 'bad-records'] },
    mb: { type: 'string', default: '1000' },
    profile: { type: 'string' },
    records: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
  },
})
const rounds = Number(values.rounds)

await using lab = await openLab(values.profile ?? null)
const results: Record<string, unknown> = {}
for (const part of values.part) {
  if (part === 'whole-path') results[part] = await wholePath(lab, { megabytes: Number(values.mb), rounds })
  else if (part === 'bad-records') results[part] = await badRecords(lab, { records: Number(values.records), rounds })
  else if (part === 'unload') results[part] = await unload(lab, { megabytes: Number(values.mb), rounds })
  else throw new Error(`no part ${part}: give whole-path, bad-records or unload`)
}
console.log(JSON.stringify(results, null, 2))
