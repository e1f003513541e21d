/** Writes the schema for editors and the page of options from the connectors. `--check` fails when one is stale. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { jobSchema } from './job-schema.ts'
import { optionTables } from './option-tables.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const documents = [
  { file: 'schema/job.schema.json', text: `${JSON.stringify(await jobSchema(), null, 1)}\n` },
  { file: 'docs/options.md', text: await optionTables() },
]
for (const { file, text } of documents) {
  if (!process.argv.includes('--check')) writeFileSync(root + file, text)
  else if (readFileSync(root + file, 'utf8') !== text) {
    console.error(`${file} is stale: run \`npm run generate\``)
    process.exitCode = 1
  }
}
