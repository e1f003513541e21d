import { expect, test } from 'vitest'
import { parseCorrections } from '../../shared/run/correction.ts'

const sound = '{"piece": "c0", "record": 1, "raw": "a"}'

test.each([
  [
    'a line that is no JSON',
    `${sound}\n{"piece": "c0", "record": 2,, "raw": "s3cret"}`,
    [/line 2, column 29: is not JSON: property name expected/],
  ],
  ['a text that ends too early', '[{"piece": "c0",\n "record": 1', [/line 2, column 13: is not JSON/]],
  [
    'a member of another kind',
    `${sound}\n{"piece": 5, "record": "2"}`,
    [/line 2, column 11: piece must be a text$/, /line 2, column 24: record must be a number$/],
  ],
  [
    'a member that is missing',
    '{"raw": "s3cret"}',
    [/line 1, column 1: piece is missing; it must be a text/, /record is missing/],
  ],
  [
    'an entry of a list',
    `[\n  ${sound},\n  {"piece": "c0", "record": 1.5}\n]`,
    [/line 3, column 29: record must be a whole number/],
  ],
  [
    'an entry that stands twice',
    `[${sound},\n${sound}]`,
    [/line 2, column 1: piece c0 record 1 stands here a second time/],
  ],
  [
    'a field that is no text',
    '{"piece": "c0", "record": 1, "fields": ["a", 5]}',
    [/column 46: fields\.1 must be a text/],
  ],
])('%s is told with line and column, in our words, all of them, and never by its value', (_, text, expected) => {
  expect(() => parseCorrections(text)).toThrow(expect.objectContaining({ code: 'usage/invalid' }))
  const message = messageOf(() => parseCorrections(text))
  expect(message.split('\n')).toEqual(expected.map((says) => expect.stringMatching(says)))
  expect(message).not.toMatch(/s3cret|expected string|received/)
})

function messageOf(work: () => unknown): string {
  try {
    work()
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
  return ''
}
