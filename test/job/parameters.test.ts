// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of scripts are what is tested here
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Fault } from '../../shared/job/fault.ts'
import { builtInParameters } from '../../shared/job/index.ts'
import { fillParameters, resolveValues } from '../../shared/job/parameters.ts'

const fill = (text: string, values: Record<string, string>) => {
  const faults: Fault[] = []
  return {
    text: fillParameters(text, values, ['x'], faults),
    faults: faults.map(({ code, message }) => `${code} ${message}`),
  }
}

describe('values that every run has', () => {
  test('bizdate is the day before in the zone of the job, cyctime the second', () => {
    const at = new Date('2026-02-28T16:30:05Z')
    expect(builtInParameters({ type: 'client' }, at, 'Asia/Shanghai')).toEqual({
      bizdate: '20260228',
      cyctime: '20260301003005',
    })
    expect(builtInParameters({ type: 'client' }, at, 'UTC')).toEqual({ bizdate: '20260227', cyctime: '20260228163005' })
  })

  test('a change of clocks does not move bizdate', () => {
    expect(builtInParameters({ type: 'schedule' }, new Date('2026-03-09T04:10:00Z'), 'America/New_York').bizdate).toBe(
      '20260308',
    )
    expect(builtInParameters({ type: 'schedule' }, new Date('2026-11-02T05:10:00Z'), 'America/New_York').bizdate).toBe(
      '20261101',
    )
  })

  test('a dropped file tells bucket, object, etag and size', () => {
    const trigger = { type: 'object', bucket: 'b', key: 'a/ü.csv', etag: 'ABC', size: 7 } as const
    expect(builtInParameters(trigger, new Date(0), 'UTC')).toMatchObject({
      bucket: 'b',
      object: 'a/ü.csv',
      etag: 'ABC',
      size: '7',
    })
  })
})

describe('references in a text', () => {
  test('braces must be known, a bare name may be', () => {
    expect(fill('${a}-$a-${ a }-$b-$1-$', { a: '1' })).toEqual({ text: '1-1-1-$b-$1-$', faults: [] })
    expect(fill('${aa}', { ab: '1', c: '2' }).faults).toEqual([
      'job/unknown-parameter no value for the parameter ${aa}; did you mean ab?; there are values for ab, c',
    ])
  })

  test.each(['${yyyymmdd}', '${yyyy-mm-dd-1}', '$[yyyymmddhh24miss]', '$[add_months(yyyymmdd,-1)]', '$[hh24-1/24]'])(
    'a date expression is not left in the text for a server to read: %s',
    (text) => {
      expect(fill(text, {}).faults).toEqual([expect.stringMatching(/^job\/unsupported date expressions/)])
    },
  )

  test('SQL keeps its own dollars', () => {
    const sql = "do $$ begin perform $1; end $$; select '$.a[0]', '^x$[0-9]', $tag$ text $tag$"
    expect(fill(sql, { a: 'no' })).toEqual({ text: sql, faults: [] })
  })

  test('names of objects are values of their own', () => {
    expect(fill('${constructor}', {}).faults).toHaveLength(1)
    expect(fill('$toString', {}).text).toBe('$toString')
  })

  test('a value that looks like a reference, such as the name of a dropped file, stays what it is', () => {
    fc.assert(
      fc.property(fc.string(), (object) => {
        const values = resolveValues({}, { object, b: 'no' }, [])
        expect(fill('x/${object}', values)).toEqual({ text: `x/${object}`, faults: [] })
      }),
    )
    expect(fill('${object}', resolveValues({}, { object: '${b}$b', b: 'no' }, [])).text).toBe('${b}$b')
  })

  test('a value of the document may name others, one level deep and never itself', () => {
    const own = { dt: '$bizdate', loop: '${loop}' }
    const faults: Fault[] = []
    expect(resolveValues(own, { ...own, bizdate: '20260101' }, faults)).toMatchObject({ dt: '20260101' })
    expect(faults).toMatchObject([{ path: ['parameters', 'loop'], code: 'job/unknown-parameter' }])
  })
})
