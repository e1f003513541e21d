import { describe, expect, test } from 'vitest'
import type { DirtyRecord } from '../../shared/load/dirty-record.ts'
import { asTried, parseCorrections } from '../../shared/run/correction.ts'

describe('a corrected file', () => {
  const line = (record: number) => JSON.stringify({ piece: 'c0-p0', record, raw: 'a,b', code: 'record/format' })

  test('is JSON Lines, with empty lines or without, or the list that `dirty --json` prints', () => {
    const names = ['c0-p0/1', 'c0-p0/2']
    expect([...parseCorrections(`${line(1)}\n\n${line(2)}`).keys()]).toEqual(names)
    expect([...parseCorrections(`${line(1)}\r\n${line(2)}\r\n`).keys()]).toEqual(names)
    expect([...parseCorrections(` [${line(1)},\n${line(2)}]`).keys()]).toEqual(names)
    expect(parseCorrections('').size).toBe(0)
  })

  test.each([
    [`${line(1)}\nnot json`, /line 2 .*is not JSON/],
    [`${line(1)}\n\n${line(1)}`, /line 3 .*piece c0-p0 record 1 stands here a second time/],
    ['{"piece":"c0-p0","raw":"a"}', /line 1 .*record/],
    ['{"piece":"c0-p0","record":1,"fields":[1]}', /line 1 .*fields\.0/],
    ['[1', /line 1 .*is not JSON/],
  ])('is refused with its line: %s', (text, message) => {
    expect(() => parseCorrections(text)).toThrow(message)
  })
})

describe('a record is tried again', () => {
  const record: DirtyRecord = {
    piece: 'c0-p0',
    record: 1,
    source: 's',
    offset: 0,
    bytes: 5,
    column: null,
    code: 'record/format',
    sqlstate: null,
    reason: 'r',
    raw: 'a,b',
    rawEncoding: 'utf8',
  }
  const bytesOf = (dirty: DirtyRecord, correction: Parameters<typeof asTried>[1]) =>
    asTried(dirty, correction).bytes?.toString('latin1')
  const corrected = (change: object) => ({ piece: 'c0-p0', record: 1, rawEncoding: 'utf8' as const, ...change })

  test('as it lies, with one line end', () => {
    expect(bytesOf(record, null)).toBe('a,b\n')
    expect(bytesOf({ ...record, raw: 'a,b\r' }, null)).toBe('a,b\n')
    expect(bytesOf({ ...record, raw: 'gP8=', rawEncoding: 'base64', bytes: 3 }, null)).toBe('\x80\xff\n')
  })

  test('as it was corrected', () => {
    expect(bytesOf(record, corrected({ raw: 'c,"d\n"' }))).toBe('c,"d\n"\n')
    expect(bytesOf(record, corrected({ raw: '/w==', rawEncoding: 'base64' }))).toBe('\xff\n')
    expect(bytesOf(record, corrected({ fields: ['a\tb\\', null, ''] }))).toBe('a\\tb\\\\\t\\N\t\n')
  })

  test('not at all where only its beginning was kept, but for a whole one', () => {
    const long = { ...record, bytes: 5_000_000 }
    expect(asTried(long, null).bytes).toBeNull()
    expect(asTried(long, corrected({})).bytes).toBeNull()
    expect(bytesOf(long, corrected({ raw: 'x,y' }))).toBe('x,y\n')
  })
})
