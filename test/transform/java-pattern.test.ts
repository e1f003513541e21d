import { describe, expect, it } from 'vitest'
import { javaPattern } from '../../shared/transform/java-pattern.ts'

describe('a regular expression of Java', () => {
  /** Expected by the rules of java.util.regex.Pattern for `matches`. */
  it.each([
    ['a|ab', 'ab', true],
    ['^a.c$', 'abc', true],
    ['b', 'abc', false],
    ['.*', 'a\nb', false],
    ['.*', 'a\u0085b', false],
    ['.*', 'a\rb', false],
    ['(?s).*', 'a\r\nb', true],
    ['[.]', 'x', false],
    ['\\.', '.', true],
    ['.', '😀', true],
    ['\\s', '\u000b', true],
    ['[\\s]+', ' \u000b', true],
    ['\\S+', '\u000b', false],
    ['\\d+', '12', true],
    ['\\d+', '１２', false],
    ['\\u4e2d+', '中中', true],
    ['\\Qa.[\\E.', 'a.[x', true],
    ['[]a]+', ']a', true],
    ['[^]a]', ']', false],
    ['(?i)ABC', 'abc', true],
    ['a{2,3}', 'aaa', true],
    ['(a)(?:b)(?<n>c)', 'abc', true],
    ['', '', true],
  ])('%j of %j', async (pattern, value, matches) => {
    expect((await javaPattern(pattern))(value)).toBe(matches)
  })

  it.each([
    '(?=a)a',
    '(a)\\1',
    'a++',
    '(?>a)',
    '[a-z&&[^b]]',
    '[a[bc]]',
    '\\h',
    '(?U)\\w',
    '(',
    '[',
    'a{2000}',
    '(?x) a',
  ])('%j is refused, not read otherwise', async (pattern) => {
    await expect(javaPattern(pattern)).rejects.toMatchObject({ code: 'job/unsupported' })
  })

  it.each(['(a+)+b', '(a|aa)+b', '(a*)*b', '(.*a){12}b'])(
    '%j ends on a value that hangs a backtracker',
    async (pattern) => {
      const matches = await javaPattern(pattern)
      const startedMs = performance.now()
      expect(matches(`${'a'.repeat(20_000)}bc`)).toBe(false)
      expect(performance.now() - startedMs).toBeLessThan(5000)
    },
  )
})
