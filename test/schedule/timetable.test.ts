import { describe, expect, test } from 'vitest'
import {
  awaitedTimes,
  type Cycle,
  cronOfCycle,
  instantOf,
  lastTimeBetween,
  readDay,
  readLocalTime,
  readScheduledTime,
  timesBetween,
  timesOfBusinessDate,
  timetableOf,
} from '../../shared/schedule/index.ts'

const iso = (times: readonly Date[]) => times.map((at) => at.toISOString().slice(0, 16))
const table = (cron: string, timeZone = 'UTC', dates: { from?: string; until?: string } = {}) =>
  timetableOf({ cron, timeZone, ...dates })
const between = (of: ReturnType<typeof table>, after: string, until: string) =>
  iso(timesBetween(of, new Date(after), new Date(until)))

describe('the cycles of the schedule panel', () => {
  test.each<[Cycle, string[]]>([
    [{ every: 'minute', step: 30, fromHour: 1, toHour: 2 }, ['01:00', '01:30', '02:00', '02:30']],
    [
      { every: 'minute', step: 1, fromHour: 23, toHour: 23 },
      Array.from({ length: 60 }, (_, at) => `23:${String(at).padStart(2, '0')}`),
    ],
    // Both ends of the window belong to it.
    [{ every: 'hour', step: 1, from: '00:00', to: '03:00' }, ['00:00', '01:00', '02:00', '03:00']],
    [{ every: 'hour', step: 5, from: '00:30', to: '23:59' }, ['00:30', '05:30', '10:30', '15:30', '20:30']],
    [{ every: 'hour', step: 1, from: '01:30', to: '03:29' }, ['01:30', '02:30']],
    [{ every: 'hours', hours: [0, 8, 20], minute: 5 }, ['00:05', '08:05', '20:05']],
    [{ every: 'day', at: '05:30' }, ['05:30']],
    [{ every: 'week', days: ['TUE', 'SUN'], at: '02:00' }, ['02:00']],
    [{ every: 'month', days: [1, 24], at: '02:00' }, ['02:00']],
    [{ every: 'year', months: [1, 4, 7, 11], days: [24], at: '02:00' }, ['02:00']],
  ])('%o on 2026-11-24, a Tuesday', (cycle, times) => {
    // From a millisecond before the day to one before the next.
    const found = between(table(cronOfCycle(cycle)), '2026-11-23T23:59:59.999Z', '2026-11-24T23:59:59.999Z')
    expect(found).toEqual(times.map((time) => `2026-11-24T${time}`))
  })

  test('a month without the 31st is left out, and L is the last day', () => {
    const of = (days: (number | 'L')[]) =>
      between(table(cronOfCycle({ every: 'month', days, at: '00:00' })), '2026-01-01T12:00:00Z', '2026-05-01T12:00:00Z')
    expect(of([31])).toEqual(['2026-01-31T00:00', '2026-03-31T00:00'])
    expect(of([1, 'L'])).toEqual([
      '2026-01-31T00:00',
      '2026-02-01T00:00',
      '2026-02-28T00:00',
      '2026-03-01T00:00',
      '2026-03-31T00:00',
      '2026-04-01T00:00',
      '2026-04-30T00:00',
      '2026-05-01T00:00',
    ])
  })
})

describe('the time in which a schedule counts', () => {
  test('has both ends, on the clocks of the zone; a day is meant whole', () => {
    const days = { from: '2026-11-02', until: '2026-11-03' }
    expect(
      between(table('0 0 0,12 * * *', 'Asia/Shanghai', days), '2026-10-30T00:00:00Z', '2026-11-10T00:00:00Z'),
    ).toEqual(['2026-11-01T16:00', '2026-11-02T04:00', '2026-11-02T16:00', '2026-11-03T04:00'])
    const times = { from: '2026-11-02 12:00:00', until: '2026-11-03 00:00:00' }
    expect(between(table('0 0 0,12 * * *', 'UTC', times), '2026-10-30T00:00:00Z', '2026-11-10T00:00:00Z')).toEqual([
      '2026-11-02T12:00',
      '2026-11-03T00:00',
    ])
  })

  test('the last time of a long window is found, whatever the schedule', () => {
    const last = (cron: string) =>
      lastTimeBetween(table(cron), new Date('2020-01-01T00:00:00Z'), new Date('2026-11-24T00:00:30Z'))
    expect(last('0 * * * * *')?.toISOString()).toBe('2026-11-24T00:00:00.000Z')
    expect(last('0 0 0 29 2 *')?.toISOString()).toBe('2024-02-29T00:00:00.000Z')
    const none = lastTimeBetween(
      table('0 0 0 29 2 *'),
      new Date('2025-01-01T00:00:00Z'),
      new Date('2026-01-01T00:00:00Z'),
    )
    expect(none).toBeNull()
  })
})

describe('the times of a business date', () => {
  const on = (cron: string, zone: string, day: string) => iso(timesOfBusinessDate(table(cron, zone), readDay(day) ?? 0))

  test('are those of the day after, on the clocks of the zone', () => {
    expect(on('0 30 0 * * *', 'Asia/Shanghai', '20260228')).toEqual(['2026-02-28T16:30'])
    expect(on('0 30 0,23 * * *', 'America/New_York', '20260307')).toEqual(['2026-03-08T05:30', '2026-03-09T03:30'])
    expect(on('0 0 0,23 * * *', 'Pacific/Kiritimati', '20260307')).toEqual(['2026-03-07T10:00', '2026-03-08T09:00'])
    expect(on('0 0 0 * * MON', 'UTC', '20260307')).toEqual([])
  })

  test.each([
    ['Asia/Shanghai', '0 * * * * *', 1440],
    ['UTC', '0 * * * * *', 1440],
    ['America/New_York', '0 * * * * *', 1440],
    ['America/Los_Angeles', '0 */2 * * * *', 720],
  ])('are all of the day, in %s of %s', (zone, cron, count) => {
    const times = on(cron, zone, '20261124')
    expect(times).toHaveLength(count)
    expect(new Set(times).size).toBe(count)
  })

  test('count from a day far ahead on', () => {
    const far = table('0 * * * * *', 'UTC', { from: '2032-01-01' })
    expect(between(far, '2026-01-01T00:00:00Z', '2032-01-01T00:01:30Z')).toEqual([
      '2032-01-01T00:00',
      '2032-01-01T00:01',
    ])
    expect(between(far, '2026-01-01T00:00:00Z', '2031-01-01T00:00:00Z')).toEqual([])
  })

  test('number what the day has hours, when clocks change', () => {
    const hours = ['20260307', '20261031', '20261101'].map((day) => on('0 0 * * * *', 'America/New_York', day).length)
    expect(hours).toEqual([23, 25, 24])
  })
})

describe('which runs of another job are waited for', () => {
  const day = (...hours: number[]) => hours.map((hour) => new Date(Date.UTC(2026, 10, 24, hour)))
  const awaited = (own: number, ownDay: number[], otherDay: number[]) =>
    awaitedTimes(new Date(Date.UTC(2026, 10, 24, own)), day(...ownDay), day(...otherDay)).map((at) => at.getUTCHours())

  test('once a day waits for all of the day', () => {
    expect(awaited(2, [2], [5])).toEqual([5])
    expect(awaited(2, [2], [0, 8, 16])).toEqual([0, 8, 16])
    expect(awaited(2, [2], [])).toEqual([])
  })

  test('oftener waits for those since its own run before, or the nearest', () => {
    const hourly = [0, 1, 2, 3]
    expect(hourly.map((own) => awaited(own, hourly, hourly))).toEqual([[0], [1], [2], [3]])
    expect(hourly.map((own) => awaited(own, hourly, [2]))).toEqual([[2], [2], [2], [2]])
    expect(awaited(8, [0, 8, 16], hourly)).toEqual([1, 2, 3])
    expect(awaited(16, [0, 8, 16], hourly)).toEqual([3])
  })
})

describe('times that people write', () => {
  test('are days and times of the calendar, or nothing', () => {
    expect(readDay('20240229')).toBe(Date.UTC(2024, 1, 29))
    for (const text of ['20230229', '2024-02-29', '00000101', '2024022', '']) expect(readDay(text), text).toBeNull()
    expect(readScheduledTime('20240229235959')).toBe(Date.UTC(2024, 1, 29, 23, 59, 59))
    for (const text of ['20240229240000', '20240229006000', '20240229'])
      expect(readScheduledTime(text), text).toBeNull()
    expect(readLocalTime('2026-11-24 05:00:00')).toBe(Date.UTC(2026, 10, 24, 5))
    for (const text of ['2026-11-24T05:00:00', '2026-11-31', '2026-11-24 5:00'])
      expect(readLocalTime(text), text).toBeNull()
  })

  test('are instants of a zone: the first of two, and the end of the gap', () => {
    const at = (text: string) => instantOf(readLocalTime(text) ?? 0, 'America/New_York').toISOString()
    expect(at('2026-07-01 00:00:00')).toBe('2026-07-01T04:00:00.000Z')
    expect(at('2026-03-08 02:30:00')).toBe('2026-03-08T07:00:00.000Z')
    expect(at('2026-11-01 01:30:00')).toBe('2026-11-01T05:30:00.000Z')
    expect(instantOf(readLocalTime('2011-12-30 12:00:00') ?? 0, 'Pacific/Apia').toISOString()).toBe(
      '2011-12-30T10:00:00.000Z',
    )
  })
})
