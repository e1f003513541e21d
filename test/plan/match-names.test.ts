import fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchDecision, matchNames } from '../../shared/plan/match-names.ts'

test.each([
  [['b', 'a'], ['a', 'b', 'c'], { positions: [1, 0], unused: ['c'] }],
  [['a', 'a'], ['a'], { positions: [0, 0], unused: [] }],
  [['Id'], ['ID', 'id', 'Id'], { positions: [2], unused: ['ID', 'id'] }],
  [['order_id'], [' ORDER_ID '], { positions: [0], unused: [] }],
  [['名称'], ['编号', '名称'], { positions: [1], unused: ['编号'] }],
  [[], ['a'], { positions: [], unused: ['a'] }],
])('%j of %j is %j', (wanted, given, match) => {
  expect(matchNames(wanted, given)).toEqual(match)
})

test.each([
  [['id'], ['ID', 'Id'], '2 columns are called id'],
  [['a'], ['a', 'a'], '2 columns are called a'],
  [
    ['customer_id'],
    ['custmer_id', 'name'],
    'no column is called customer_id (did you mean custmer_id?); there are custmer_id, name',
  ],
  [['x'], [], 'no column is called x; there are none'],
  [['zzzzzzz'], [...Array(40).keys()].map((n) => `a${n}`), /; there are a0, .*, a29, …$/],
])('%j of %j is refused', (wanted, given, refusal) => {
  expect(matchNames(wanted, given)).toEqual({
    refusal: typeof refusal === 'string' ? refusal : expect.stringMatching(refusal),
    column: wanted[0],
  })
})

test('what is found is called as was wanted, but for its case, and what is unused was not wanted', () => {
  const name = fc.constantFrom<string>('a', 'A', 'b', 'constructor', '__proto__', '', ' b ')
  fc.assert(
    fc.property(fc.array(name), fc.array(name), (wanted, given) => {
      const match = matchNames(wanted, given)
      if ('refusal' in match) return wanted.includes(match.column)
      const found = match.positions.map((position) => given[position]?.trim().toLowerCase())
      expect(found).toEqual(wanted.map((one) => one.trim().toLowerCase()))
      expect(match.unused.length).toBe(given.length - new Set(match.positions).size)
      return true
    }),
  )
})

test('a plan says what is left out', () => {
  expect(matchDecision(['a'], [])).toEqual({
    what: 'columns are taken by name: a',
    why: 'every column of the reader is used',
  })
  expect(matchDecision(['a'], ['b', 'c']).why).toBe('not read: b, c')
})
