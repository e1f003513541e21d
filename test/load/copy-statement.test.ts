import { expect, test } from 'vitest'
import { copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import { copyOrder } from '../../shared/load/copy-order.ts'
import { copyRefusal, serverCharset } from '../../shared/load/copy-rules.ts'
import { copyFromStatement, copyToStatement } from '../../shared/load/copy-statement.ts'

const table = { schema: 'Sales', table: 'o"rders' }

test('names and marks are quoted, whatever they hold', () => {
  const encoding = { ...defaultCsv, delimiter: '\t', escape: '\\', null: "it's  \\N" }
  expect(copyFromStatement(table, ['id', 'Select "x"'], encoding)).toBe(
    `copy "Sales"."o""rders" ("id", "Select ""x""") from stdin with ` +
      `(format csv, delimiter '\t', null E'it''s  \\\\N', quote '"', escape E'\\\\', encoding 'UTF8')`,
  )
})

test('COPY text has no quote and no escape option', () => {
  expect(copyFromStatement({ schema: null, table: 't' }, ['a'], copyText)).toBe(
    `copy "t" ("a") from stdin with (format text, delimiter '\t', null E'\\\\N', encoding 'UTF8')`,
  )
})

test('a comment at the end of a query hides nothing of the statement', () => {
  expect(copyToStatement('select 1 -- all', defaultCsv)).toContain('select 1 -- all\n) to stdout with (format csv')
})

test('a name that no server can hold is refused, not cut', () => {
  expect(() => copyFromStatement(table, ['x'.repeat(64)], copyText)).toThrow(/1 to 63 bytes/)
})

test.each([
  ['GBK', 'GBK'],
  ['utf-8', 'UTF8'],
  ['gb2312', 'EUC_CN'],
  ['ISO-8859-1', 'LATIN1'],
  ['utf-16', null],
  ["x', header '", null],
])('charset %s is %s to the server', (charset, name) => {
  expect(serverCharset(charset)).toBe(name)
})

test.each([
  [{ ...defaultCsv, delimiter: '；' }, /single-byte/],
  [{ ...defaultCsv, delimiter: '\n' }, /single-byte/],
  [{ ...defaultCsv, quote: ',' }, /are both/],
  [{ ...defaultCsv, null: 'a,b' }, /delimiter/],
  [{ ...defaultCsv, null: 'a"b' }, /quote/],
  [{ ...defaultCsv, null: 'a\nb' }, /newline/],
  [{ ...copyText, delimiter: 'n' }, /cannot be the delimiter/],
  [{ ...defaultCsv, charset: 'utf-16' }, /charset/],
  [{ ...defaultCsv, charset: 'gbk', escape: '\\' }, /part of a character/],
])('what the server would refuse is refused with a reason: %o', (encoding, reason) => {
  expect(copyRefusal(encoding)).toMatch(reason)
})

test('what COPY takes is not refused', () => {
  for (const encoding of [defaultCsv, copyText, { ...defaultCsv, charset: 'GB18030', delimiter: '\x01' }]) {
    expect(copyRefusal(encoding)).toBeNull()
  }
})

test('fields in another order are COPY’s column list; anything else needs the bytes rewritten', () => {
  const index = (...list: number[]) => list.map((field) => ({ index: field }))
  expect(copyOrder({ width: 3, fields: index(2, 0, 1) })).toEqual([1, 2, 0])
  expect(copyOrder({ width: 3, fields: index(0, 1) })).toBeNull()
  expect(copyOrder({ width: 2, fields: index(0, 0) })).toBeNull()
  expect(copyOrder({ width: 2, fields: index(0, 2) })).toBeNull()
  expect(copyOrder({ width: null, fields: index(0, 1) })).toBeNull()
  expect(copyOrder({ width: 2, fields: [{ index: 0 }, { value: 'x' }] })).toBeNull()
})
