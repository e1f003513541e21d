import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { pathText } from '../../shared/job/index.ts'
import { checkText } from './script-environment.ts'

const folder = fileURLToPath(new URL('../golden/jobs/', import.meta.url))
const expectedSuffix = '.expected.json'
const names = readdirSync(folder)
  .filter((file) => file.endsWith(expectedSuffix))
  .map((file) => file.slice(0, -expectedSuffix.length))
const scripts = readdirSync(folder).filter((file) => !file.endsWith(expectedSuffix))

const Expected = z.strictObject({
  /** What the specification holds at least; null when there is none. */
  spec: z.record(z.string(), z.unknown()).nullable(),
  /** All of them, in order. */
  faults: z.array(
    z.strictObject({
      severity: z.enum(['error', 'warning']),
      code: z.string().optional(),
      path: z.string(),
      says: z.string(),
      line: z.number().optional(),
      column: z.number().optional(),
    }),
  ),
})

describe('a script gives the specification and the faults that stand beside it', () => {
  test('every script has its expectation', () => {
    expect(scripts.map((file) => file.replace(/\.(json|txt)$/, '')).sort()).toEqual(names.sort())
    expect(names.length).toBeGreaterThan(20)
  })

  test.each(scripts)('%s', async (file) => {
    const expected = Expected.parse(
      JSON.parse(readFileSync(`${folder}${file.replace(/\.(json|txt)$/, '')}${expectedSuffix}`, 'utf8')),
    )
    const { spec, faults, printed } = await checkText(readFileSync(folder + file, 'utf8'))
    expect(faults.map(({ severity, path }) => `${severity} ${pathText(path)}`)).toEqual(
      expected.faults.map(({ severity, path }) => `${severity} ${path}`),
    )
    for (const [index, { says, path: _, ...rest }] of expected.faults.entries()) {
      expect(faults[index]).toMatchObject(rest)
      expect(`${faults[index]?.message}, got ${faults[index]?.got}`).toContain(says)
      expect(faults[index]?.line).not.toBeNull()
    }
    if (expected.spec === null) expect(spec).toBeNull()
    else expect(spec).toMatchObject(expected.spec)
    expect(printed).not.toContain('s3cret')
  })
})
