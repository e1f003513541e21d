import fc from 'fast-check'
import { DateTime } from 'luxon'
import { describe, expect, test } from 'vitest'
import { type DateFamily, dateValue, runDatesOf } from '../../shared/schedule/index.ts'

const value = (family: DateFamily, expression: string, at: string, zone = 'UTC') =>
  dateValue(family, expression, runDatesOf(new Date(at), zone))
const scheduled = (expression: string, at = '2014-05-15T10:30:00Z', zone = 'UTC') =>
  value('scheduled', expression, at, zone)
const business = (expression: string, at = '2018-07-22T00:00:00Z') => value('business', expression, at)
const plain = (text: string) => ({ text, warning: null })

describe('brackets are made of the scheduled time 2014-05-15 10:30:00', () => {
  test.each([
    ['yyyymmdd', '20140515'],
    ['yyyymmddhh24miss', '20140515103000'],
    ['yyyy-mm-dd hh24:mi:ss', '2014-05-15 10:30:00'],
    ['yyyy-mm-dd/hh24:mi:ss', '2014-05-15/10:30:00'],
    ['yy', '14'],
    ['hh12', '10'],
    ['yyyy年mm月dd日', '2014年05月15日'],
    // Days: whole, products, hours, minutes; blanks around the sign.
    ['yyyymmdd-1', '20140514'],
    ['yyyymmdd+7*2', '20140529'],
    ['yyyymmdd-7*2', '20140501'],
    ['yyyymmddhh24miss-1/24', '20140515093000'],
    ['hh24miss-1/24', '093000'],
    ['hh24:mi:ss - 1/24', '09:30:00'],
    ['yyyymmddhh24miss-15/24/60', '20140515101500'],
    ['yyyymmddhh24miss-30/24/60/60', '20140515102930'],
    ['yyyymmddhh24miss+2*15/24/60', '20140515110000'],
    ['yyyymmddhh24miss-1-1/24', '20140514093000'],
    ['yyyymmdd-11/24', '20140514'],
    ['yyyymmdd-10/24', '20140515'],
    // Months.
    ['add_months(yyyymmdd,-1)', '20140415'],
    ['add_months(yyyymmdd,-12*1)', '20130515'],
    ['add_months(yyyymmdd,12*-1)', '20130515'],
    ['add_months(yyyymm, 1)', '201406'],
    ['add_months(yyyy-mm-dd hh24:mi:ss,12*2)-15/24/60', '2016-05-15 10:15:00'],
  ])('$[%s] is %s', (expression, expected) => {
    expect(scheduled(expression)).toEqual(plain(expected))
  })

  test('an hour back from midnight is the day before, in every part', () => {
    expect(['yyyymmdd-1/24', 'hh24-1/24', 'hh12-1/24'].map((text) => scheduled(text, '2014-05-15T00:30:00Z'))).toEqual([
      plain('20140514'),
      plain('23'),
      plain('11'),
    ])
  })

  test('the last day of a month stays one, and a day that a month lacks is its last', () => {
    const moved = (day: string, months: number) => scheduled(`add_months(yyyymmdd,${months})`, `${day}T00:00:00Z`)
    expect(moved('2024-01-31', 1)).toEqual(plain('20240229'))
    expect(moved('2023-01-30', 1)).toEqual(plain('20230228'))
    expect(moved('2023-02-28', 1)).toEqual(plain('20230331'))
    expect(moved('2024-02-28', 1)).toEqual(plain('20240328'))
    expect(moved('2024-02-29', -12)).toEqual(plain('20230228'))
    expect(moved('2023-02-28', 12)).toEqual(plain('20240229'))
    expect(moved('2024-01-15', -1)).toEqual(plain('20231215'))
  })

  test('months go before days', () => {
    expect(scheduled('add_months(yyyymmdd,1)-1', '2024-01-31T00:00:00Z')).toEqual(plain('20240228'))
  })
})

describe('braces are made of the business date, the day before 2018-07-22', () => {
  test.each([
    ['yyyymmdd', '20180721'],
    ['yyyy-mm-dd', '2018-07-21'],
    ['yyyymmdd-2', '20180719'],
    ['yyyy-mm-dd+1', '2018-07-22'],
    ['yyyymmdd+7*2', '20180804'],
    ['yyyymm-2', '201805'],
    ['yyyymm-7', '201712'],
    ['yyyy-2', '2016'],
    ['yy+1', '19'],
    ['mm-1', '06'],
    ['dd-21', '30'],
    ['yyyy/mm/dd - 1', '2018/07/20'],
  ])('${%s} is %s', (expression, expected) => {
    expect(business(expression)).toEqual(plain(expected))
  })

  test('a month before is a month before on the 31st too', () => {
    expect(business('yyyymm-1', '2024-04-01T00:00:00Z')).toEqual(plain('202402'))
    expect(business('yyyy-1', '2024-03-01T00:00:00Z')).toEqual(plain('2023'))
  })
})

describe('when clocks change, arithmetic stays on the wall', () => {
  const newYork = (expression: string, at: string) => scheduled(expression, at, 'America/New_York')

  test('an hour back may name a time that was skipped', () => {
    // 2026-03-08 03:30 EDT is half an hour after the gap.
    expect(newYork('yyyymmddhh24mi-1/24', '2026-03-08T07:30:00Z')).toEqual(plain('202603080230'))
  })

  test('an hour that comes twice has the same values twice', () => {
    const both = ['2026-11-01T05:30:00Z', '2026-11-01T06:30:00Z'].map((at) => newYork('yyyymmddhh24mi-1/24', at))
    expect(both).toEqual([plain('202611010030'), plain('202611010030')])
  })

  test('a day of 23 or 25 hours is a day', () => {
    expect(newYork('yyyymmddhh24-1', '2026-03-09T04:00:00Z')).toEqual(plain('2026030800'))
    expect(newYork('yyyymmddhh24-1', '2026-11-02T05:00:00Z')).toEqual(plain('2026110100'))
  })
})

describe('what is no date is refused with what to write', () => {
  test.each<[DateFamily, string, RegExp]>([
    ['scheduled', 'yyyyMMdd', /"MM" is no part.*did you mean \$\[yyyymmdd\]\?/],
    ['scheduled', 'YYYYMMDDHH24MISS', /did you mean \$\[yyyymmddhh24miss\]\?/],
    ['scheduled', 'yyyyMMddHHmmss', /did you mean \$\[yyyymmddhh24miss\]\?/],
    ['scheduled', 'yyyy-MM-dd HH:mm:ss', /did you mean \$\[yyyy-mm-dd hh24:mi:ss\]\?/],
    ['scheduled', 'yyyymmddhh', /"hh" is no part.*did you mean \$\[yyyymmddhh24\]\?/],
    ['scheduled', '%Y%m%d%H%M', /did you mean \$\[yyyymmddhh24mi\]\?/],
    ['scheduled', 'add_month(yyyymmdd,-1)', /did you mean \$\[add_months\(yyyymmdd,-1\)\]\?/],
    ['scheduled', 'yyyymmdd00', /"00" is no part of a date.*goes outside/],
    ['scheduled', 'yyyymmdd-1/x', /"\/x" is not a number of days/],
    ['scheduled', 'yyyymmdd-1/0', /divides by zero/],
    ['scheduled', 'yyyymmdd-1.5', /is not a number of days.*-1\/24/],
    ['scheduled', 'add_months(yyyymmdd-1,-1)', /stands behind add_months/],
    ['scheduled', 'add_months(yyyymmdd,-1/2)', /whole number/],
    ['scheduled', 'add_months(yyyymmdd)', /add_months stands first/],
    ['scheduled', '', /holds no part of a date/],
    ['scheduled', '年', /holds no part of a date/],
    ['scheduled', 'yyyymmdd-999999999', /outside the years 1 to 9999/],
    ['scheduled', 'add_months(yyyy,999999999*999999999)', /outside the years/],
    ['scheduled', `yyyy${'-'.repeat(100)}`, /at most 100 characters/],
    ['business', 'yyyymmddhh24', /no hh24.*did you mean \$\[yyyymmddhh24\]\?/],
    ['business', 'yyyymmdd-1/24', /whole units.*did you mean \$\[yyyymmdd-1\/24\]\?/],
    ['business', 'add_months(yyyymmdd,-1)', /belongs to the scheduled time/],
    ['business', 'YYYYMMDD', /did you mean \$\{yyyymmdd\}\?/],
  ])('%s %s', (family, expression, fault) => {
    expect(value(family, expression, '2014-05-15T10:30:00Z')).toEqual({ fault: expect.stringMatching(fault) })
  })

  test.each([
    ['yyyymm-1', /month of another day.*add_months/],
    ['yyyy-1', /add_months/],
    ['hh24:mm:ss', /minutes are mi/],
    ['mmss', /minutes are mi/],
  ])('what is written is done, and told where another thing was probably meant: $[%s]', (expression, warning) => {
    expect(scheduled(expression)).toEqual({ text: expect.any(String), warning: expect.stringMatching(warning) })
  })
})

describe('luxon agrees', () => {
  const zones = [
    'UTC',
    'Asia/Shanghai',
    'America/New_York',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'America/St_Johns',
    'Pacific/Apia',
    'Africa/Casablanca',
  ]
  const zone = fc.constantFrom(...zones)
  const instant = fc.date({
    min: new Date('1971-01-01T00:00:00Z'),
    max: new Date('2090-01-01T00:00:00Z'),
    noInvalidDate: true,
  })
  const tokens = new Map([
    ['yyyy', 'yyyy'],
    ['yy', 'yy'],
    ['mm', 'MM'],
    ['dd', 'dd'],
    ['hh24', 'HH'],
    ['hh12', 'hh'],
    ['mi', 'mm'],
    ['ss', 'ss'],
  ])
  /** `yy` and `yyyy` side by side are read as `yyyy` and `yy`. */
  const apart = ([token, separator]: [string, string]) => [token, token === 'yy' ? '.' : separator] as const
  const format = (names: readonly string[]) =>
    fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom('', '-', ':', '/', '.', '年')).map(apart), {
      minLength: 1,
      maxLength: 6,
    })
  const ours = (pieces: readonly (readonly [string, string])[]) =>
    pieces.map(([token, separator]) => token + separator).join('')
  const theirs = (wall: DateTime, pieces: readonly (readonly [string, string])[]) =>
    pieces.map(([token, separator]) => wall.toFormat(tokens.get(token) ?? '') + separator).join('')
  /** The wall's time without its zone, so that luxon's arithmetic is that of the calendar. */
  const wallOf = (at: Date, zoneName: string) =>
    DateTime.fromJSDate(at, { zone: zoneName }).startOf('second').setZone('utc', { keepLocalTime: true })
  const isMonthsEnd = (wall: DateTime) => wall.day === wall.daysInMonth

  test('on brackets: days, hours, minutes, seconds and months', () => {
    const count = fc.integer({ min: -4000, max: 4000 })
    const unit = fc.constantFrom<['days' | 'hours' | 'minutes' | 'seconds', string]>(
      ['days', ''],
      ['hours', '/24'],
      ['minutes', '/24/60'],
      ['seconds', '/24/60/60'],
    )
    fc.assert(
      fc.property(
        instant,
        zone,
        format([...tokens.keys()]),
        fc.integer({ min: -400, max: 400 }),
        count,
        unit,
        (at, zoneName, pieces, months, amount, [unitName, divisors]) => {
          const wall = wallOf(at, zoneName)
          const moved = wall.plus({ months })
          const added = isMonthsEnd(wall) ? moved.set({ day: moved.daysInMonth ?? 0 }) : moved
          const expected = theirs(added.plus({ [unitName]: amount }), pieces)
          const shift = `${amount < 0 ? '-' : '+'}${Math.abs(amount)}${divisors}`
          expect(scheduled(`add_months(${ours(pieces)},${months})${shift}`, at.toISOString(), zoneName)).toMatchObject({
            text: expected,
          })
          expect(scheduled(`${ours(pieces)}${shift}`, at.toISOString(), zoneName)).toMatchObject({
            text: theirs(wall.plus({ [unitName]: amount }), pieces),
          })
        },
      ),
      { numRuns: 1500 },
    )
  })

  test('on braces: days, months and years of the day before', () => {
    const units = { days: ['yyyy', 'mm', 'dd'], months: ['yyyy', 'mm'], years: ['yyyy', 'yy'] }
    const unit = fc.constantFrom<keyof typeof units>('days', 'months', 'years')
    fc.assert(
      fc.property(
        instant,
        zone,
        unit,
        fc.integer({ min: -60, max: 60 }),
        fc.constantFrom('', '-', '/'),
        (at, zoneName, unitName, amount, separator) => {
          const pieces = units[unitName].map((token) => [token, separator] as const)
          const day = wallOf(at, zoneName).startOf('day').minus({ days: 1 })
          const from = unitName === 'days' ? day : day.startOf('month')
          const shift = amount === 0 ? '' : `${amount < 0 ? '-' : '+'}${Math.abs(amount)}`
          expect(value('business', ours(pieces) + shift, at.toISOString(), zoneName)).toEqual(
            plain(theirs(from.plus({ [unitName]: amount }), pieces)),
          )
        },
      ),
      { numRuns: 1000 },
    )
  })
})
