/**
 * `npm run bench [-- --part whole-path --part bad-records --mb 200 --records 1000000 --rounds 3]`: what we cost beside COPY
 * alone, and bad records beside good ones, in one run, interleaved, medians. Compare ratios, not seconds: they move with
 * the machine.
 */
import { parseArgs } from 'node:util'
import { openLab } from './lab.ts'
import { badRecords } from './parts/bad-records.ts'
import { latency } from './parts/latency.ts'
import { smallFiles } from './parts/small-files.ts'
import { wholePath } from './parts/whole-path.ts'

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: ['whole-path', 'bad-records'] },
    mb: { type: 'string', default: '200' },
    records: { type: 'string', default: '1000000' },
    files: { type: 'string', default: '10000' },
    times: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' },
  },
})
const rounds = Number(values.rounds)

await using lab = await openLab()
const results: Record<string, unknown> = {}
for (const part of values.part) {
  if (part === 'whole-path') results[part] = await wholePath(lab, { megabytes: Number(values.mb), rounds })
  else if (part === 'bad-records') results[part] = await badRecords(lab, { records: Number(values.records), rounds })
  else if (part === 'small-files')
    results[part] = await smallFiles(lab, { files: Number(values.files), kilobytes: 20, rounds })
  else if (part === 'latency') results[part] = await latency(lab, { times: Number(values.times) })
  else throw new Error(`no part ${part}: give whole-path, bad-records, small-files or latency`)
}
console.log(JSON.stringify(results, null, 2))
