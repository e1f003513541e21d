import { expect, it } from 'vitest'
import { fittedTable, wrapped } from '../../shared/cli/fit.ts'

const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length))
/** What stands in a column of a table, its folds put together again. */
const column = (table: string, index: number) =>
  table
    .split('\n')
    .filter((line) => line.startsWith('│'))
    .map((line) => line.split('│')[index + 1]?.slice(1).trimEnd() ?? '')

it.each([40, 80, 120])('a table folds its widest columns to %i columns, and loses nothing', (width) => {
  const address = 'a-very-long-host-name.mysql.rds.aliyuncs.com:3306/warehouse'
  const table = fittedTable(['name', 'address', 'from'], [['crm', address, 'bucket']], width)
  expect(widest(table)).toBeLessThanOrEqual(width)
  expect(column(table, 1).slice(1).join('')).toBe(address)
  expect(column(table, 0)).toContain('crm')
})

it('a run id is never folded, and a pipe folds nothing', () => {
  const id = `r${'0'.repeat(24)}`
  const rows = [['m'.repeat(100), id]]
  expect(fittedTable(['mark', 'run'], rows, 40, ['run'])).toContain(id)
  expect(fittedTable(['mark', 'run'], rows, 40)).not.toContain(id)
  expect(fittedTable(['mark', 'run'], rows, Number.POSITIVE_INFINITY)).toContain('m'.repeat(100))
})

it('signs of two columns are counted as two, and escape sequences do not reach the terminal', () => {
  const lines = fittedTable(['a'], [['中'.repeat(30)]], 40).split('\n')
  expect(
    lines.filter((line) => line.includes('中')).map((line) => [...line].filter((sign) => sign === '中').length),
  ).toEqual([18, 12])
  expect(fittedTable(['a'], [['x\x1b[2Jy\tz']], 40)).toContain('x\\x1b[2Jy\\x09z')
})

it('prose is broken between words, goes on below its own text, and keeps a path whole', () => {
  const path = `/tmp/${'long/'.repeat(10)}file`
  expect(wrapped(`read     one two three ${path} four`, 24, 9).split('\n')).toEqual([
    'read     one two three',
    `         ${path}`,
    '         four',
  ])
  expect(wrapped('a b\nc d', Number.POSITIVE_INFINITY)).toBe('a b\nc d')
  expect(wrapped(path, 10, 12)).toBe(path)
})

it('takes many rows and long values in a pipe', () => {
  const rows = [['x'.repeat(500_000)], ...Array.from({ length: 200_000 }, (_, n) => [String(n)])]
  expect(fittedTable(['a'], rows.slice(0, 2), Number.POSITIVE_INFINITY).length).toBeGreaterThan(1_000_000)
  expect(() => fittedTable(['a'], rows.slice(1, 150_000), 80)).not.toThrow()
})
