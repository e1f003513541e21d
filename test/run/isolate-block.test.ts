import { expect, test } from 'vitest'
import { copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import { asSent } from '../../shared/run/isolate-block.ts'

const sent = (text: string, encoding: typeof defaultCsv | typeof copyText = defaultCsv) => {
  const bytes = Buffer.from(text)
  const record = { bytes, length: bytes.length, isTooLarge: false, number: 1, offset: 0 }
  const answer = asSent(record, { encoding, maxRecordBytes: 1000 }, null)
  if (answer === null) return null
  const { bytes: given, refusal } = answer
  return refusal === null ? Buffer.from(given).toString() : refusal.code
}

/** Of one style, or COPY would refuse all but single records. */
test.each([
  ['1,a\n', '1,a\n'],
  ['1,a\r\n', '1,a\n'],
  ['1,"a\r\nb"\r\n', '1,"a\r\nb"\n'],
  ['1,a', '1,a'],
  ['1,a\r', '1,a\r'],
  ['\\.\r\n', '"\\."\n'],
  ['\r\n', '\n'],
])('a record of CSV is sent with one style of line end: %j', (text, expected) => {
  expect(sent(text)).toBe(expected)
})

test('COPY text is sent as it is', () => {
  expect(sent('a\r\n', copyText)).toBe('a\r\n')
})
