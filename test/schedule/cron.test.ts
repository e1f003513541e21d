import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { dueTimes, parseCron } from '../../shared/schedule/index.ts'

const due = (expression: string, timeZone: string, after: string, until: string) =>
  dueTimes(parseCron(expression, timeZone), new Date(after), new Date(until)).map((time) => time.toISOString())

const refusal = (expression: string, timeZone = 'Asia/Shanghai'): string => {
  try {
    parseCron(expression, timeZone)
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(TransferError)
    expect(thrown).toMatchObject({ code: 'job/invalid' })
    return (thrown as TransferError).message
  }
  throw new Error(`${expression} was taken`)
}

describe('the forms a schedule is written in', () => {
  const fiveInShanghai = ['2026-11-01T21:00:00.000Z', '2026-11-02T21:00:00.000Z']
  test.each([
    ['0 0 5 * * *', 'Asia/Shanghai'],
    ['0 5 * * *', 'Asia/Shanghai'],
    ['00 00 05 * * ?', 'Asia/Shanghai'],
    ['CRON_TZ=Asia/Shanghai 0 0 5 * * *', 'UTC'],
    ['  0  0 5 ? * * ', 'Asia/Shanghai'],
  ])('%s in %s is five in Shanghai', (expression, timeZone) => {
    expect(due(expression, timeZone, '2026-11-01T12:00:00Z', '2026-11-03T12:00:00Z')).toEqual(fiveInShanghai)
  })

  test('a step from a number on is taken as Quartz takes it', () => {
    expect(due('0 10/20 8 * * ?', 'UTC', '2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z')).toEqual([
      '2026-11-01T08:10:00.000Z',
      '2026-11-01T08:30:00.000Z',
      '2026-11-01T08:50:00.000Z',
    ])
  })

  test('0 and 7 are Sunday, and the last day of a month has a letter', () => {
    const sunday = ['2026-11-01T00:00:00.000Z']
    expect(due('0 0 0 * * 0', 'UTC', '2026-10-31T00:00:00Z', '2026-11-02T00:00:00Z')).toEqual(sunday)
    expect(due('0 0 0 * * 7', 'UTC', '2026-10-31T00:00:00Z', '2026-11-02T00:00:00Z')).toEqual(sunday)
    expect(due('0 0 5 L * ?', 'UTC', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z')).toEqual([
      '2026-02-28T05:00:00.000Z',
    ])
  })
})

describe('a schedule that is none is refused with what to write', () => {
  test.each([
    ['', /six fields.*not 0/],
    ['* * *', /not 3/],
    ['0 0 5 * * * 2030', /not 7/],
    ['0 0 25 * * *', /hour: 25/],
    ['* * * * * *', /once a minute/],
    ['*/10 * * * * *', /once a minute/],
    ['0 0 0 30 2 *', /no day of any year/],
    ['@every 5m', /\*\/5/],
    ['0 0 5 ? * 2', /as a name/],
    ['0 0 5 * * \u0000', /six fields|character/],
    ['2026-01-01T00:00:00', /not 1/],
    ['0 0 0 ; * *', /day of month field holds a character/],
    ['x'.repeat(100_000), /at most 200 characters/],
  ])('%s', (expression, reason) => {
    expect(refusal(expression)).toMatch(reason)
  })

  test('an unknown time zone is named', () => {
    expect(refusal('0 0 5 * * *', 'Mars/Olympus')).toMatch(/Mars\/Olympus.*Asia\/Shanghai or UTC/)
    expect(refusal('CRON_TZ=Mars/Olympus 0 0 5 * * *')).toMatch(/time zone is not known/)
  })

  test.each(['__proto__', 'constructor'])('%s, which every object has, is no nickname', (expression) => {
    expect(refusal(expression)).toMatch(/must have six fields/)
  })

  test('no text crashes the reader', () => {
    const field = fc.string({ unit: fc.constantFrom(...'0159*,/-#?LW MONSUN'), maxLength: 6 })
    const nearly = fc.array(field, { minLength: 4, maxLength: 8 }).map((fields) => fields.join(' '))
    fc.assert(
      fc.property(fc.oneof(fc.string(), nearly), (expression) => {
        try {
          dueTimes(parseCron(expression, 'UTC'), new Date('2026-01-01T00:00:00Z'), new Date('2026-01-03T00:00:00Z'))
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(TransferError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('when clocks change in New York', () => {
  const zone = 'America/New_York'

  test('a time that is skipped is due at the end of the gap', () => {
    expect(due('0 30 2 * * *', zone, '2026-03-07T12:00:00Z', '2026-03-09T12:00:00Z')).toEqual([
      '2026-03-08T07:00:00.000Z',
      '2026-03-09T06:30:00.000Z',
    ])
    expect(due('0 0,30 2,3 * * *', zone, '2026-03-08T05:00:00Z', '2026-03-08T12:00:00Z')).toEqual([
      '2026-03-08T07:00:00.000Z',
      '2026-03-08T07:30:00.000Z',
    ])
  })

  test('a time that comes twice is due once', () => {
    expect(due('0 30 1 * * *', zone, '2026-10-31T12:00:00Z', '2026-11-02T12:00:00Z')).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ])
  })

  test('what is due every half hour stays so', () => {
    const halfHours = (after: string, until: string) => due('0 */30 * * * *', zone, after, until).length
    expect(halfHours('2026-03-08T05:00:00Z', '2026-03-08T09:00:00Z')).toBe(8)
    expect(halfHours('2026-11-01T04:00:00Z', '2026-11-01T08:00:00Z')).toBe(8)
    for (const hour of ['00-23', '0-23', '*/1', '0/1'])
      expect(due(`00 */30 ${hour} * * ?`, zone, '2026-11-01T04:00:00Z', '2026-11-01T08:00:00Z'), hour).toHaveLength(8)
  })

  test('a day has one daily run, whatever its length', () => {
    const year = due('0 30 2 * * *', zone, '2026-01-01T05:00:00Z', '2027-01-01T05:00:00Z')
    expect(year).toHaveLength(365)
    expect(new Set(year).size).toBe(365)
  })

  test('a day that a zone left out is made up for at its end', () => {
    // Samoa went from 2011-12-29 to 2011-12-31.
    expect(due('0 0 9 * * *', 'Pacific/Apia', '2011-12-29T12:00:00Z', '2011-12-31T12:00:00Z')).toEqual([
      '2011-12-29T19:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-30T19:00:00.000Z',
    ])
  })
})

describe('windows', () => {
  test('the start is left out, the end is in, to the millisecond', () => {
    const minute = '0 * * * * *'
    expect(due(minute, 'UTC', '2026-11-01T04:10:00.000Z', '2026-11-01T04:11:00.000Z')).toEqual([
      '2026-11-01T04:11:00.000Z',
    ])
    expect(due(minute, 'UTC', '2026-11-01T04:09:59.999Z', '2026-11-01T04:10:59.999Z')).toEqual([
      '2026-11-01T04:10:00.000Z',
    ])
    expect(due(minute, 'UTC', '2026-11-01T04:10:00.000Z', '2026-11-01T04:10:00.000Z')).toEqual([])
    expect(due(minute, 'UTC', '2026-11-01T05:00:00.000Z', '2026-11-01T04:10:00.000Z')).toEqual([])
  })

  test('a long outage gives the first thousand times, in order', () => {
    const times = dueTimes(
      parseCron('0 * * * * *', 'UTC'),
      new Date('2026-01-01T00:00:00Z'),
      new Date('2027-01-01T00:00:00Z'),
    )
    expect(times).toHaveLength(1000)
    expect(times.at(-1)?.toISOString()).toBe('2026-01-01T16:40:00.000Z')
  })

  test('cutting a window anywhere loses no time and adds none', () => {
    const expression = fc.constantFrom(
      '0 30 2 * * *',
      '0 */20 * * * *',
      '0 0,30 0-3 * * *',
      '0 15 1,2 * * SUN',
      '0 0 0 1 * *',
    )
    const zone = fc.constantFrom(
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Shanghai',
      'Europe/London',
      'America/Havana',
    )
    const hours = fc.integer({ min: 0, max: 60 })
    // Around the changes of clocks in March, April, October and November.
    const start = fc.constantFrom('2026-03-07', '2026-03-28', '2026-04-04', '2026-10-03', '2026-10-24', '2026-10-31')
    fc.assert(
      fc.property(
        expression,
        zone,
        start,
        hours,
        fc.integer({ min: 0, max: 216_000 }),
        (cron, timeZone, day, length, cut) => {
          const item = parseCron(cron, timeZone)
          const from = new Date(`${day}T00:00:00Z`)
          const until = new Date(from.getTime() + length * 3_600_000)
          const middle = new Date(Math.min(from.getTime() + cut * 1000, until.getTime()))
          const whole = dueTimes(item, from, until)
          expect([...dueTimes(item, from, middle), ...dueTimes(item, middle, until)]).toEqual(whole)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('with * for the hour, exactly the instants whose clock shows a matching time are due', () => {
    const zone = fc.constantFrom('America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Europe/London')
    const start = fc.constantFrom('2026-03-07', '2026-03-28', '2026-04-04', '2026-10-03', '2026-10-24', '2026-10-31')
    fc.assert(
      fc.property(zone, start, fc.integer({ min: 0, max: 59 }), (timeZone, day, minute) => {
        const from = Date.parse(`${day}T00:00:00Z`)
        const clock = new Intl.DateTimeFormat('en-US', { timeZone, minute: 'numeric' })
        const shown: number[] = []
        for (let at = from + 60_000; at <= from + 172_800_000; at += 60_000) {
          if (Number(clock.format(at)) === minute) shown.push(at)
        }
        const times = dueTimes(parseCron(`0 ${minute} * * * *`, timeZone), new Date(from), new Date(from + 172_800_000))
        expect(times.map((time) => time.getTime())).toEqual(shown)
      }),
      { numRuns: 12 },
    )
  })
})
