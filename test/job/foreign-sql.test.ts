import { expect, it } from 'vitest'
import type { Fault } from '../../shared/job/fault.ts'
import { fillParameters, readParameters } from '../../shared/job/parameters.ts'
import { runDatesOf } from '../../shared/schedule/index.ts'

const parametersOf = (object: string) => {
  const given = { object, day: "2026-01-01'" }
  return readParameters({ own: {}, given, dates: runDatesOf(new Date(0), 'UTC') }, [])
}

const fill = (text: string, object: string, place: string) => {
  const faults: Fault[] = []
  const value = fillParameters({ [place]: text }, parametersOf(object), ['parameter'], faults)
  return { value, faults: faults.map(({ message }) => message) }
}

it.each(["in/a'; drop table t; --.csv", 'in/a b.csv', 'in/a--b.csv', 'in/a\\.csv'])(
  'the key %s of a dropped file does not get into SQL',
  (key) => {
    for (const place of ['where', 'querySql', 'preSql', 'postSql', 'QUERYSQL', 'column']) {
      expect(fill("name = '${object}'", key, place).faults, place).toHaveLength(1)
    }
    expect(fill('${object}', key, 'object')).toEqual({ value: { object: key }, faults: [] })
  },
)

it('a plain key does, and so does what the author or caller gives', () => {
  expect(fill("name = '${object}'", 'in/2026-01-01/a_b.csv', 'where')).toEqual({
    value: { where: "name = 'in/2026-01-01/a_b.csv'" },
    faults: [],
  })
  expect(fill('day = ${day}', 'x', 'where').faults).toEqual([])
})
