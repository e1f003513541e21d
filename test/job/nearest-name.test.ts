import { expect, test } from 'vitest'
import { nearestName } from '../../shared/job/nearest-name.ts'

const names = ['splitPk', 'where', 'column', 'querySql', 'table']

test.each([
  ['splitpk', 'splitPk'],
  ['spiltPk', 'splitPk'],
  ['wehre', 'where'],
  ['colum', 'column'],
  ['tabel', 'table'],
  ['x', null],
  ['', null],
  ['x'.repeat(1000), null],
])('the nearest of the known names to %s is %s', (given, nearest) => {
  expect(nearestName(given, names)).toBe(nearest)
})
