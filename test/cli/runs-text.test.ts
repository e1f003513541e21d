import { expect, test } from 'vitest'
import { runsText } from '../../shared/cli/runs-text.ts'
import type { JobName, RunId } from '../../shared/job/index.ts'

const run = (job: string, tookMs: number | null) => {
  const requestedAt = new Date('2026-11-25T09:24:10Z')
  return {
    runId: 'r0123456789abcdef01234567' as RunId,
    job: job as JobName,
    state: 'succeeded' as const,
    requestedAt,
    finishedAt: tookMs === null ? null : new Date(requestedAt.getTime() + tookMs),
  }
}
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length))

test('a table of runs fits a terminal of 80 columns, whatever the jobs are called', () => {
  const text = runsText([run('orders', 1234), run(`a_${'long_'.repeat(20)}name`, 7_200_000), run('b', null)], 80)
  expect(widest(text)).toBeLessThanOrEqual(80)
  expect(text).toContain('1.2 s')
  expect(text).toContain('2.0 h')
  expect(text.replaceAll(/[^a-z_]/g, '')).toContain('a_long_')
})

test('a wide terminal shows a long name whole, and is not filled for short ones', () => {
  const name = 'long_'.repeat(12)
  expect(runsText([run(name, 1)], 160)).toContain(name)
  expect(widest(runsText([run('orders', 1)], 160))).toBeLessThan(90)
})

test('times say their zone', () => {
  expect(runsText([run('orders', 1)], 80)).toMatch(/at, UTC/)
})
