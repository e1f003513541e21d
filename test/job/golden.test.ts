import { describe, expect, test } from 'vitest'
import { pathText } from '../../shared/job/index.ts'
import { readGoldens } from '../support/golden.ts'
import { checkText } from './script-environment.ts'

const goldens = readGoldens()

describe('a script gives the specification and the faults that stand beside it', () => {
  test('there are many of them, and most can be run', () => {
    expect(goldens.length).toBeGreaterThan(70)
    expect(goldens.filter(({ expected }) => expected.run !== undefined).length).toBeGreaterThan(45)
  })

  test.each(goldens)('$file', async ({ text, expected }) => {
    const { spec, faults, printed } = await checkText(text)
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
