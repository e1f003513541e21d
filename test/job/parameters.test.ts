// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of scripts are what is tested here
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Fault, pathText } from '../../shared/job/fault.ts'
import { triggerParameters } from '../../shared/job/index.ts'
import { fillParameters, readParameters } from '../../shared/job/parameters.ts'
import { runDatesOf } from '../../shared/schedule/index.ts'

type Values = Record<string, string>
const dates = runDatesOf(new Date('2014-05-15T10:30:00Z'), 'UTC')

const fill = (text: string, given: Values = {}, own: Values = {}, at = dates) => {
  const faults: Fault[] = []
  const filled = fillParameters(text, readParameters({ own, given, dates: at }, faults), ['x'], faults)
  return {
    text: filled,
    faults: faults.map(({ severity, code, path, message }) => `${severity} ${code} ${pathText(path)}: ${message}`),
  }
}
const filled = (text: string, given: Values = {}, own: Values = {}) => {
  const { text: value, faults } = fill(text, given, own)
  expect(faults).toEqual([])
  return value
}

describe('values that every run has', () => {
  test.each([
    ['${bizdate}', '20140514'],
    ['$bizdate', '20140514'],
    ['${bdp.system.bizdate}', '20140514'],
    ['${yyyymmdd}', '20140514'],
    ['${cyctime}', '20140515103000'],
    ['$cyctime', '20140515103000'],
    ['${bdp.system.cyctime}', '20140515103000'],
    ['$[yyyymmddhh24miss]', '20140515103000'],
    ['${gmtdate}', '20140515'],
    ['$gmtdate', '20140515'],
    ['${bizmonth}', '201404'],
  ])('%s is %s', (text, value) => {
    expect(filled(text)).toBe(value)
    expect(filled('${v}', {}, { v: text })).toBe(value)
  })

  test('bizmonth is the last month that is over', () => {
    const bizmonth = (day: string) => fill('$bizmonth', {}, {}, runDatesOf(new Date(`${day}T00:00:00Z`), 'UTC')).text
    expect([bizmonth('2026-03-01'), bizmonth('2026-03-02'), bizmonth('2026-01-01'), bizmonth('2026-01-15')]).toEqual([
      '202602',
      '202602',
      '202512',
      '202512',
    ])
  })

  test('the zone decides which day it is, and a change of clocks moves nothing', () => {
    const at = (instant: string, zone: string) =>
      fill('$bizdate $cyctime', {}, {}, runDatesOf(new Date(instant), zone)).text
    expect(at('2026-02-28T16:30:05Z', 'Asia/Shanghai')).toBe('20260228 20260301003005')
    expect(at('2026-02-28T16:30:05Z', 'UTC')).toBe('20260227 20260228163005')
    expect(at('2026-03-09T04:10:00Z', 'America/New_York')).toBe('20260308 20260309001000')
    expect(at('2026-11-02T05:10:00Z', 'America/New_York')).toBe('20261101 20261102001000')
  })

  test('a dropped file tells bucket, object, etag and size', () => {
    expect(triggerParameters({ type: 'object', bucket: 'b', key: 'a/ü.csv', etag: 'ABC', size: 7 })).toEqual({
      bucket: 'b',
      object: 'a/ü.csv',
      etag: 'ABC',
      size: '7',
    })
    expect(triggerParameters({ type: 'schedule' })).toEqual({})
  })
})

test('the table of docs/scheduling.md is true', () => {
  const rows = readFileSync(new URL('../../docs/scheduling.md', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, form = '', value]) => /^`\$/.test(form) && value !== undefined)
  expect(rows.length).toBeGreaterThan(12)
  for (const [, forms = '', value = ''] of rows) {
    const values = value.split(', ')
    for (const [index, [, form = '']] of [...forms.matchAll(/`([^`]+)`/g)].entries())
      expect(filled(form), form).toBe(values[index] ?? values[0])
  }
})

describe('references in a text', () => {
  test('braces must be known, a bare name may be', () => {
    expect(filled('${a}-$a-${ a }-$b-$1-$', { a: '1' })).toBe('1-1-1-$b-$1-$')
    expect(fill('${aa}', { ab: '1', c: '2' }).faults).toEqual([
      'error job/unknown-parameter x: no value for the parameter ${aa}; did you mean ab?; there are values for ab, bizdate, bizmonth, c, cyctime, gmtdate',
    ])
  })

  test('SQL keeps its own dollars', () => {
    const sql =
      "do $$ begin perform $1; end $$; select '$.a[0]', '^x$[0-9]', $tag$ text $tag$, '$[last]', '$dd', '$[a-z]'"
    expect(filled(sql, { a: 'no' })).toBe(sql)
  })

  test('names of objects are values of their own', () => {
    expect(fill('${constructor}').faults).toHaveLength(1)
    expect(filled('$toString')).toBe('$toString')
    expect(filled('$constructor', {}, { b: '$valueOf' })).toBe('$constructor')
  })

  test('a value that looks like a reference, such as the name of a dropped file, stays what it is', () => {
    fc.assert(
      fc.property(fc.string(), (object) => {
        expect(filled('x/${object}', { object, b: 'no' })).toBe(`x/${object}`)
        expect(filled('x/${own}', { object, b: 'no' }, { own: '${object}' })).toBe(`x/${object}`)
      }),
    )
    expect(filled('${object}', { object: '${b}$b$[yyyy]', b: 'no' })).toBe('${b}$b$[yyyy]')
  })

  test('dates stand anywhere in a text, next to names', () => {
    expect(filled('dt=${yyyymmdd-1}/hh=$[hh24-1/24]/${name}.csv', { name: 'orders' })).toBe(
      'dt=20140513/hh=09/orders.csv',
    )
    expect(filled("update_time >= '$[yyyy-mm-dd hh24:mi:ss-1/24]'")).toBe("update_time >= '2014-05-15 09:30:00'")
  })

  test('a parameter goes before the date that its name might be', () => {
    expect(filled('${mm}-${dd}', { mm: 'x' })).toBe('x-14')
  })

  test.each([
    ['${yyyymmddhh24}', /did you mean \$\[yyyymmddhh24\]/],
    ['$[yyyyMMdd]', /did you mean \$\[yyyymmdd\]/],
    ['$[yyyy-mm-ddThh24:mi]', /"T" is no part of a date.*goes outside/],
    ['$[add_months(yyyymmdd,1.5)]', /whole number/],
  ])('a date that is none is told by its place: %s', (text, reason) => {
    expect(fill(text).faults).toEqual([expect.stringMatching(reason)])
    expect(fill(text).faults[0]).toMatch(/^error job\/invalid x: /)
    expect(fill('${v}', {}, { v: text }).faults[0]).toMatch(/^error job\/invalid parameters\.v: /)
  })

  test('what belongs to DataWorks alone is refused with the reason', () => {
    expect(fill('${nodeid}').faults).toEqual([
      expect.stringMatching(/^error job\/unsupported x: .*number that DataWorks/),
    ])
    expect(fill('${workflow.day}').faults).toEqual([
      expect.stringMatching(/^error job\/unsupported x: .*to a workflow/),
    ])
  })
})

describe('values of the document', () => {
  test('may be made of others, at any depth and in any order', () => {
    const own = { path: 'in/${dt}/${hour}', dt: '$bizdate', hour: '$[hh24-1/24]', plain: 'abc', text: "'123'" }
    expect(filled('${path} ${plain} ${text}', {}, own)).toBe("in/20140514/09 abc '123'")
    expect(filled('${path}', { dt: 'x' }, own)).toBe('in/x/09')
  })

  test('name parts of the business date without braces, as DataWorks does', () => {
    expect(filled('${a} ${b} ${c}', {}, { a: '$yyyymmdd', b: '$yyyy/$mm', c: '$dd' })).toBe('20140514 2014/05 14')
  })

  test('may give a built-in name another meaning, made of the built-in one', () => {
    expect(filled('${bizdate}', {}, { bizdate: '$bizdate' })).toBe('20140514')
    expect(filled('${bizdate}', {}, { bizdate: '${yyyy-mm-dd}' })).toBe('2014-05-14')
  })

  test('are not made of themselves', () => {
    expect(fill('x', {}, { loop: '${loop}' }).faults).toEqual([
      expect.stringMatching(/^error job\/unknown-parameter parameters\.loop/),
    ])
    expect(fill('x', {}, { a: '${b}', b: '${a}' }).faults[0]).toMatch(
      /^error job\/invalid parameters\.a: is made of itself: a → b → a/,
    )
  })

  test('do not hide that a stranger chose the key of a file', () => {
    const faults: Fault[] = []
    const parameters = readParameters({ own: { key: '${object}' }, given: { object: "a'; drop" }, dates }, faults)
    expect(fillParameters({ where: "name = '${key}'" }, parameters, [], faults)).toBeDefined()
    expect(faults).toMatchObject([{ path: ['where'], message: expect.stringContaining('comes from outside') }])
  })
})

describe('what a caller gives', () => {
  test('goes before the document, and stays as it is', () => {
    expect(filled('${dt}', { dt: '$[yyyymmdd]' }, { dt: '$bizdate' })).toBe('$[yyyymmdd]')
  })

  test('moves all dates, of whichever family it is', () => {
    expect(filled('$bizdate ${yyyymmdd-1} ${v} $cyctime', { bizdate: '20240301' }, { v: '${yyyymm-1}' })).toBe(
      '20240301 20240229 202402 20240302103000',
    )
    expect(filled('$cyctime $[hh24-1/24] $gmtdate ${yyyymmdd}', { cyctime: '20240301003000' })).toBe(
      '20240301003000 23 20240301 20240229',
    )
    expect(filled('${yyyymmdd} $gmtdate', { bizdate: '20240101', cyctime: '20240301003000' })).toBe('20240101 20240301')
  })

  test.each([
    [{ bizdate: '2024-03-01' }, 'bizdate: must be a day as yyyymmdd; got "2024-03-01"'],
    [{ bizdate: '20240231' }, 'bizdate: must be a day as yyyymmdd; got "20240231"'],
    [{ bizdate: '' }, 'bizdate: must be a day as yyyymmdd; got ""'],
    [{ cyctime: '20240301' }, 'cyctime: must be a time as yyyymmddhh24miss; got "20240301"'],
    [{ cyctime: '20240301246000' }, 'cyctime: must be a time as yyyymmddhh24miss; got "20240301246000"'],
  ])('%o is refused: a job would move the rows of another day', (given: Values, fault) => {
    expect(fill('nothing', given).faults).toEqual([`error job/invalid parameters.${fault}`])
  })
})

test('no text crashes the filler, and what it leaves is told or was no reference', () => {
  const piece = fc.constantFrom(
    '$',
    '[',
    ']',
    '{',
    '}',
    'yyyy',
    'mm',
    'dd',
    'hh24',
    'add_months(',
    ')',
    ',',
    '-',
    '1',
    '/',
    '*',
    '0',
    'a',
    ' ',
    '年',
    '\u0000',
  )
  const nearly = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
      const { faults } = fill(text, { a: '1' }, { own: text })
      expect(faults.length).toBeLessThanOrEqual(100)
    }),
    { numRuns: 1000 },
  )
})
