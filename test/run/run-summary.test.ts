import { expect, it } from 'vitest'
import { summaryLines, summaryOf } from '../../shared/run/run-summary.ts'
import { sinceOf } from '../../shared/run/since.ts'

const report = (seconds: number, bytes: number, read: number, dirty = 0, filtered = 0) => ({
  rows: { read, loaded: read - dirty - filtered, dirty, filtered },
  bytes,
  requestedAt: '2026-11-24T16:00:00.000Z',
  finishedAt: new Date(Date.parse('2026-11-24T16:00:00.000Z') + seconds * 1000).toISOString(),
})

const textOf = (...facts: Parameters<typeof report>) => {
  const summary = summaryOf(report(...facts))
  return summary === null ? '' : summaryLines(summary).join('\n')
}

it('has the labels of DataX, a line each, in its order', () => {
  expect(textOf(10, 2530, 100_000, 7)).toBe(
    [
      '任务启动时刻                    : 2026-11-25 00:00:00',
      '任务结束时刻                    : 2026-11-25 00:00:10',
      '任务总计耗时                    :                 10s',
      '任务平均流量                    :              253B/s',
      '记录写入速度                    :           9999rec/s',
      '读出记录总数                    :              100000',
      '读写失败总数                    :                   7',
    ].join('\n'),
  )
})

it.each([
  [1, 1023, '1023B/s'],
  [1, 1024, '1.00KB/s'],
  [2, 3 * 1024 * 1024, '1.50MB/s'],
  [1, 5 * 1024 ** 3, '5.00GB/s'],
  [0.2, 100, '100B/s'],
])('of %d s and %d bytes says %s', (seconds, bytes, rate) => {
  expect(textOf(seconds, bytes, 1)).toContain(` ${rate}`)
})

it('tells filtered records where there are some, and nothing of a run that goes on', () => {
  expect(textOf(1, 1, 5, 0, 2)).toMatch(/Transformer过滤记录总数 +: +2$/)
  expect(summaryOf({ ...report(1, 1, 1), finishedAt: null })).toBeNull()
})

it('reads since', () => {
  const now = new Date('2026-11-25T10:00:00Z')
  expect(sinceOf('90m', now).toISOString()).toBe('2026-11-25T08:30:00.000Z')
  expect(sinceOf('7d', now).toISOString()).toBe('2026-11-18T10:00:00.000Z')
  expect(sinceOf('2026-11-24', now).toISOString()).toBe('2026-11-24T00:00:00.000Z')
  expect(sinceOf('2026-11-24T08:00:00+08:00', now).toISOString()).toBe('2026-11-24T00:00:00.000Z')
  for (const text of ['', 'yesterday', '2026-13-01', '5', '1y', '2026-11-24T08:00'])
    expect(() => sinceOf(text, now)).toThrow(/since must be/)
})
