import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { TransferError } from '../../shared/errors/index.ts'
import { parseJobDocument, pathText, readJobDocument } from '../../shared/job/index.ts'

const script = { type: 'job', steps: [] }

describe('a job document', () => {
  test('is a bare script under the name it is given, or the script within', () => {
    const bare = parseJobDocument(JSON.stringify(script), 'orders')
    expect(bare.document).toEqual({ name: 'orders', script, parameters: {}, triggers: [] })
    expect(bare.scriptPath).toEqual([])
    const wrapped = parseJobDocument(JSON.stringify({ Name: 'a', Script: script }), 'orders')
    expect(wrapped.document.name).toBe('a')
    expect(wrapped.scriptPath).toEqual(['Script'])
  })

  test('without a name takes the one of its file', () => {
    expect(parseJobDocument(JSON.stringify({ script }), 'orders').document.name).toBe('orders')
    expect(() => parseJobDocument(JSON.stringify({ script }), null)).toThrow(/^name.*is missing; it must be a text/)
  })

  test('may begin with a byte order mark, and columns are counted all the same', () => {
    expect(parseJobDocument(`\uFEFF${JSON.stringify(script)}`, 'a').document.script).toEqual(script)
    expect(readJobDocument('\uFEFF{"script": {}, "x": 1}', 'a').faults).toMatchObject([{ line: 1, column: 22 }])
  })

  test('keeps the kinds of values apart: numbers and switches among the parameters become texts', () => {
    const text = '{"script": {}, "parameters": {"n": 12345678901234567890, "b": true, "s": "x"}}'
    expect(parseJobDocument(text, 'a').document.parameters).toEqual({ n: '12345678901234567890', b: 'true', s: 'x' })
    expect(() => parseJobDocument('{"script": {}, "parameters": {"n": null}}', 'a')).toThrow(
      /parameters\.n.*a text, got null/,
    )
  })

  test("reads DataWorks' line of parameters", () => {
    const read = (line: string) =>
      parseJobDocument(JSON.stringify({ script: {}, parameters: line }), 'a').document.parameters
    expect(read(' dt=$bizdate  hour=$[hh24 - 1/24] at=${yyyy mm} empty= x=a,b ')).toEqual({
      dt: '$bizdate',
      hour: '$[hh24 - 1/24]',
      at: '${yyyy mm}',
      empty: '',
      x: 'a,b',
    })
    expect(read('')).toEqual({})
    expect(() => read('dt = $bizdate')).toThrow(/parameters.*none around =.*see "dt = /)
    expect(() => read('a=1 a=2')).toThrow(/gives a twice/)
    expect(() => read('password=x')).toThrow(/looks like a secret/)
  })

  test('names the zone and the weekday that a schedule must have', () => {
    const withTrigger = (trigger: unknown) => JSON.stringify({ script, triggers: [trigger] })
    expect(() =>
      parseJobDocument(withTrigger({ type: 'schedule', cron: '0 0 5 * * *', timeZone: 'Moon' }), 'a'),
    ).toThrow(/triggers\[0\]\.timeZone.*Asia\/Shanghai or UTC/)
    expect(() => parseJobDocument(withTrigger({ type: 'object', prefx: 'a' }), 'a')).toThrow(
      /triggers\[0\]\.prefx.*not known/,
    )
  })

  test.each([
    [{ cron: '0 0 5 * * *', cycle: { every: 'day' } }, /either cron or cycle/],
    [{}, /either cron or cycle/],
    [{ cycle: { every: 'minute', step: 7 } }, /cycle\.step/],
    [{ cycle: { every: 'hour', from: '05:00', to: '03:00' } }, /cycle.*must not be before from/],
    [{ cycle: { every: 'month', days: [30], months: [2] } }, /cycle\.months.*not known/],
    [{ cycle: { every: 'year', months: [2], days: [30] } }, /cycle.*no day of any year/],
    [{ cycle: { every: 'day', at: '5:00' } }, /cycle\.at.*such as 05:30/],
    [{ cycle: { every: 'day' }, from: '2026-13-01' }, /from.*2026-11-24/],
    [{ cycle: { every: 'day' }, from: '2026-02-01', until: '2026-01-31' }, /until.*before from/],
  ])('refuses a schedule that is none: %o', (trigger, reason) => {
    const text = JSON.stringify({ script, triggers: [{ type: 'schedule', ...trigger }] })
    expect(() => parseJobDocument(text, 'a')).toThrow(reason)
  })

  test('takes every schedule that docs/scheduling.md shows', () => {
    const page = readFileSync(new URL('../../docs/scheduling.md', import.meta.url), 'utf8')
    const cycles = [...page.matchAll(/`(\{"every".*?\})`/g)].map(([, text = '']) => JSON.parse(text) as unknown)
    expect(cycles).toHaveLength(7)
    for (const cycle of cycles) {
      const text = JSON.stringify({ script, triggers: [{ type: 'schedule', cycle }] })
      expect(parseJobDocument(text, 'a').document.triggers).toMatchObject([{ cycle }])
    }
    const [whole = ''] = [...page.matchAll(/```json\n(\{\n {2}"name".*?)```/gs)].map(([, text = '']) => text)
    expect(parseJobDocument(whole, null).document.schedule).toMatchObject({ dependsOn: ['customers'], missed: 'last' })
  })

  test.each([
    [{ mode: 'frozen' }, /schedule\.mode.*paused/],
    [{ rerun: { times: 99 } }, /schedule\.rerun\.times/],
    [{ priority: 0 }, /schedule\.priority/],
    [{ dependOn: ['x'] }, /schedule\.dependOn.*not known/],
    [{ timeoutMinutes: 0 }, /schedule\.timeoutMinutes/],
  ])('refuses what a schedule cannot say: %o', (schedule, reason) => {
    expect(() => parseJobDocument(JSON.stringify({ script, schedule }), 'a')).toThrow(reason)
  })

  test('throws one error with all faults, a line each, and says in numbers how many and where the first is', () => {
    const text = '{\n"script": {},\n"x": 1,\n"y": 2}'
    const attempt = () => parseJobDocument(text, 'a')
    expect(attempt).toThrow(TransferError)
    expect(attempt).toThrow(
      expect.objectContaining({ code: 'job/invalid', context: { faults: 2, path: 'x', line: 3, column: 6 } }),
    )
    expect(attempt).toThrow(/^x \(line 3, column 6\): .*\ny \(line 4, column 6\): /)
    expect(() => parseJobDocument('{', 'a')).toThrow(expect.objectContaining({ code: 'job/syntax' }))
  })

  test('of too many faults tells a hundred, errors first', () => {
    const many = Array.from({ length: 500 }, (_, index) => `"k${index}": 1`).join(' ')
    const { parsed, faults } = readJobDocument(`{"script": {}, ${many}}`, 'a')
    expect(parsed).toBeNull()
    expect(faults).toHaveLength(100)
    expect(faults[0]?.severity).toBe('error')
  })
})

test('a path is written as people write it', () => {
  expect(pathText(['job', 'content', 0, 'reader', 'a b'])).toBe('job.content[0].reader["a b"]')
  expect(pathText([])).toBe('job')
})
