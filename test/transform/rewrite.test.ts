import fc from 'fast-check'
import { expect, it } from 'vitest'
import { encodeCopyText } from '../../shared/codecs/copy-text.ts'
import { copyText, defaultCsv } from '../../shared/codecs/encoding.ts'
import { fieldReader } from '../../shared/codecs/read-fields.ts'
import { compileTransform } from '../../shared/transform/compile.ts'
import { decoderOf } from '../../shared/transform/decode-text.ts'
import { transformRecords } from '../../shared/transform/rewrite.ts'
import { TransformStep } from '../../shared/transform/step.ts'

const rewriterOf = async (...steps: object[]) =>
  transformRecords({
    from: { encoding: defaultCsv, newline: 0x0a },
    to: copyText,
    projection: { width: 3, fields: [{ index: 2 }, { value: null }, { index: 0 }] },
    change: await compileTransform(
      steps.map((step) => TransformStep.parse(step)),
      null,
    ),
  })

it('reads of COPY text what was written', () => {
  const read = fieldReader(copyText, 0x0a, decoderOf('utf-8'))
  const field = fc.option(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('\\N', '\\', '\t\n\r\\.', '')))
  fc.assert(
    fc.property(fc.array(field, { minLength: 1 }), (fields) => {
      expect(read(encodeCopyText(fields))).toEqual(fields)
    }),
  )
})

it('counts columns as the reader gives them: picked, reordered, and with its constants', async () => {
  const pad = { do: 'pad', column: 1, side: 'left', length: 2, with: '-' }
  const { record } = await rewriterOf({ do: 'substr', column: 2, start: 1, length: 1 }, pad)
  expect(record(Buffer.from('abc,x,"1\t2"\r\n'))?.toString()).toBe('1\\t2\t--\tb\n')
})

it('leaves records out and counts them', async () => {
  const rewriter = await rewriterOf({ do: 'filter', column: 0, when: '=', value: 'no' })
  expect(rewriter.record(Buffer.from('a,b,no\n'))).toBeNull()
  expect(rewriter.record(Buffer.from('a,b,yes\n'))?.toString()).toBe('yes\t\\N\ta\n')
  expect(rewriter.leftOut()).toBe(1)
})

it.each([
  ['another number of fields', 'a,b\n', 'record/column-count'],
  ['bytes of another charset', Buffer.from([0x61, 0xff, 0x2c, 0x2c, 0x0a]), 'record/encoding'],
  ['half of a character', 'a,b,😀\n', 'record/transform'],
])('refuses %s', async (_what, record, code) => {
  const rewriter = await rewriterOf({ do: 'substr', column: 0, start: 0, length: 1 })
  expect(() => rewriter.record(Buffer.from(record))).toThrow(expect.objectContaining({ code }))
})
