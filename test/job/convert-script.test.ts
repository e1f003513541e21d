import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { convertScript } from '../../shared/job/convert-script.ts'
import { parseJobDocument } from '../../shared/job/index.ts'
import { checkText } from './script-environment.ts'

const folder = fileURLToPath(new URL('../golden/jobs/', import.meta.url))

/** A type that only the datasource tells cannot be converted without it; without speed, each format has its own default. */
const lossy = new Set(['dataworks-step-types-from-datasources.json', 'datax-without-speed.json'])

test('a script in the other format is the same job', async () => {
  let compared = 0
  for (const file of readdirSync(folder).filter((name) => !name.endsWith('.expected.json') && !lossy.has(name))) {
    const text = readFileSync(folder + file, 'utf8')
    const { spec } = await checkText(text)
    if (spec === null) continue
    const { document, scriptPath, place } = parseJobDocument(text, 'golden')
    const script = convertScript(document.script, null, scriptPath, place)
    const converted = await checkText(JSON.stringify({ ...document, script }))
    expect({ file, ...converted.spec, warnings: [] }).toEqual({ file, ...spec, warnings: [] })
    compared += 1
  }
  expect(compared).toBeGreaterThan(15)
})
