import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { type ChangeFields, compileTransform } from '../../shared/transform/compile.ts'
import { TransformStep } from '../../shared/transform/step.ts'

const columns = (...types: string[]) => types.map((type, index) => ({ name: `c${index}`, type, nullable: true }))
type Given = Readonly<Record<string, unknown>>
const compiled = (step: Given, type = 'text'): Promise<ChangeFields> =>
  compileTransform([TransformStep.parse({ column: 0, ...step })], columns(type))

/** The first field of a record of one; `left out` for a record that is. */
async function one(step: Given, value: string | null, type = 'text'): Promise<string | null> {
  const changed = (await compiled(step, type))([value])
  return changed === null ? 'left out' : (changed[0] ?? null)
}

describe('substr', () => {
  const substr = (start: number, length: number, value: string | null) => one({ do: 'substr', start, length }, value)

  it.each([
    [0, 2, 'abcd', 'ab'],
    [1, 2, 'abcd', 'bc'],
    [2, 9, 'abcd', 'cd'],
    [4, 1, 'abcd', ''],
    [0, 0, 'abcd', ''],
    [0, 2_147_483_647, 'abcd', 'abcd'],
    [0, 3, '', ''],
    [0, 1, null, null],
    [9, 1, null, null],
    [0, 2, '😀x', '😀'],
  ])('from %i, %i of %j gives %j', async (start, length, value, expected) => {
    expect(await substr(start, length, value)).toBe(expected)
  })

  it('refuses a start beyond the end, which is a dirty record, and does not show the value', async () => {
    await expect(substr(5, 1, 'pass')).rejects.toMatchObject({
      code: 'record/transform',
      message: expect.not.stringContaining('pass'),
      context: { step: 1, column: 'c0' },
    })
  })

  it('is what a list of UTF-16 units gives', async () => {
    const text = fc.string({ unit: 'grapheme' })
    await fc.assert(
      fc.asyncProperty(text, fc.nat(20), fc.nat(20), async (value, start, length) => {
        fc.pre(start <= value.length)
        expect(await substr(start, length, value)).toBe(value.split('').slice(start).slice(0, length).join(''))
      }),
    )
  })
})

describe('replace', () => {
  it.each([
    [0, 2, 'XY', 'abcd', 'XYcd'],
    [1, 2, '', 'abcd', 'ad'],
    [2, 9, '!', 'abcd', 'ab!'],
    [4, 0, '!', 'abcd', 'abcd!'],
    [0, 0, '!', '', '!'],
    [0, 1, '!', null, null],
    [0, 1, '$&$1', 'abcd', '$&$1bcd'],
  ])('from %i, %i by %j in %j gives %j', async (start, length, text, value, expected) => {
    expect(await one({ do: 'replace', start, length, with: text }, value)).toBe(expected)
  })

  it('refuses a start beyond the end', async () => {
    await expect(one({ do: 'replace', start: 5, length: 1, with: '' }, 'abcd')).rejects.toThrow(/begins at 5/)
  })
})

describe('pad', () => {
  it.each([
    ['left', 6, '0', '42', '000042'],
    ['right', 6, 'ab', '42', '42abab'],
    ['right', 5, 'ab', '42', '42aba'],
    ['left', 5, 'ab', '42', 'aba42'],
    ['left', 2, '0', 'abcd', 'ab'],
    ['right', 2, '0', 'abcd', 'ab'],
    ['left', 0, '0', 'abcd', ''],
    ['left', 3, '0', null, '000'],
    ['right', 0, '0', null, ''],
  ])('%s to %i by %j makes of %j %j', async (side, length, text, value, expected) => {
    expect(await one({ do: 'pad', side, length, with: text }, value)).toBe(expected)
  })
})

describe('digest', () => {
  it('is of the UTF-8 bytes, and of the empty text for NULL', async () => {
    const hex = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('hex')
    expect(await one({ do: 'digest', algorithm: 'md5' }, '价格😀')).toBe(hex('md5', '价格😀'))
    expect(await one({ do: 'digest', algorithm: 'sha1', letters: 'upper' }, 'a')).toBe(hex('sha1', 'a').toUpperCase())
    expect(await one({ do: 'digest', algorithm: 'md5' }, null)).toBe('d41d8cd98f00b204e9800998ecf8427e')
  })
})

describe('filter leaves out what matches', () => {
  const filter = (when: string, value: string, given: string | null, type?: string) =>
    one({ do: 'filter', when, value }, given, type).then((kept) => kept === 'left out')

  it.each([
    ['like', 'a.*', 'abc', true],
    ['like', 'b', 'abc', false],
    ['not like', 'a.*', 'abc', false],
    ['not like', 'b', 'abc', true],
    ['>', 'b', 'c', true],
    ['>', 'b', 'b', false],
    ['>=', 'b', 'b', true],
    ['<', 'b', 'a', true],
    ['<=', 'b', 'b', true],
    ['=', 'b', 'b', true],
    ['!=', 'b', 'b', false],
    ['!=', 'b', 'c', true],
    ['<', '9', '10', true],
  ])('texts: %s %j of %j', async (when, value, given, isLeftOut) => {
    expect(await filter(when, value, given)).toBe(isLeftOut)
  })

  it.each([
    ['like', '.*', false],
    ['not like', '.*', true],
    ['>', '1', false],
    ['<', '1', false],
    ['>=', '1', false],
    ['<=', '1', false],
    ['=', '1', false],
    ['=', 'null', true],
    ['=', 'NULL', true],
    ['!=', '1', true],
    ['!=', 'Null', false],
  ])('NULL: %s %j', async (when, value, isLeftOut) => {
    for (const type of ['text', 'bigint', 'numeric(9,2)', 'date'])
      if (type !== 'date' || value !== '.*') expect(await filter(when, value, null, type), type).toBe(isLeftOut)
  })

  it.each([
    ['bigint', '<', '9', '10', false],
    ['bigint', '=', '9223372036854775807', '9223372036854775806', false],
    ['bigint unsigned', '>', '9223372036854775807', '18446744073709551615', true],
    ['integer', '=', ' 7', '7', true],
    ['numeric(38,0)', '=', '12345678901234567890', '12345678901234567891', false],
    ['numeric', '>', '0.1', '0.10', false],
    ['numeric', '=', '1e2', '100.00', true],
    ['numeric', '<', '-0', '0.0', false],
    ['double precision', '>', '1', 'NaN', false],
    ['double precision', '!=', '1', 'NaN', true],
    ['double precision', '>', '1', 'Infinity', true],
    ['double precision', '>=', '-1.5e-3', '-0.0015', true],
    ['boolean', '=', 'true', 't', true],
    ['boolean', '=', 't', 't', false],
    ['date', '>=', '0', '1970-01-01', false],
    ['timestamp(6) without time zone', '=', '0', '1970-01-01 08:00:00.000999', true],
    ['timestamp with time zone', '=', '0', '1970-01-01 00:00:00+00', true],
    ['timestamp with time zone', '=', '0', '1969-12-31 19:00:00-05', true],
    ['timestamp with time zone', '>', '1700000000000', '2026-11-25 12:00:00.5+05:30', true],
    ['time without time zone', '=', '0', '08:00:00', true],
  ])('%s: %s %j of %j', async (type, when, value, given, isLeftOut) => {
    expect(await filter(when, value, given, type)).toBe(isLeftOut)
  })

  it.each([
    ['bigint', 'abc'],
    ['double precision', 'abc'],
    ['date', 'infinity'],
    ['date', '0044-03-15 BC'],
  ])('a value that is no %s is refused: %s', async (type, given) => {
    await expect(filter('>', '1', given, type)).rejects.toMatchObject({ code: 'record/transform' })
  })

  it.each([
    ['bigint', '1.5'],
    ['bigint', 'abc'],
    ['double precision', 'abc'],
    ['date', '2026-01-01'],
  ])('what no value of %s can be compared with fails the plan: %s', async (type, value) => {
    await expect(compiled({ do: 'filter', when: '>', value }, type)).rejects.toMatchObject({ code: 'job/invalid' })
  })

  it('orders decimals as exact arithmetic does', async () => {
    const digits = fc.tuple(fc.bigInt(-(10n ** 30n), 10n ** 30n), fc.nat(30))
    const decimal = (value: bigint, scale: number) => {
      const text = String(value < 0n ? -value : value).padStart(scale + 1, '0')
      const point = text.length - scale
      return `${value < 0n ? '-' : ''}${text.slice(0, point)}${scale === 0 ? '' : '.'}${text.slice(point)}`
    }
    await fc.assert(
      fc.asyncProperty(digits, digits, async ([a, scaleA], [b, scaleB]) => {
        const isGreater = a * 10n ** BigInt(scaleB) > b * 10n ** BigInt(scaleA)
        expect(await filter('>', decimal(b, scaleB), decimal(a, scaleA), 'numeric')).toBe(isGreater)
      }),
    )
  })
})

describe('several steps', () => {
  const run = async (steps: readonly Given[], fields: readonly (string | null)[], ...types: string[]) =>
    (
      await compileTransform(
        steps.map((step) => TransformStep.parse(step)),
        types.length === 0 ? null : columns(...types),
      )
    )(fields)

  it('work in order, and what a step has made is a text to those behind it', async () => {
    const pad = { do: 'pad', column: 1, side: 'left', length: 3, with: '0' }
    const filter = { do: 'filter', column: 1, when: '<', value: '9' }
    expect(await run([filter], ['a', '10'], 'text', 'integer')).toEqual(['a', '10'])
    expect(await run([pad, filter], ['a', '10'], 'text', 'integer')).toBeNull()
    expect(await run([pad], ['a', 't'], 'text', 'boolean')).toEqual(['a', 'tru'])
  })

  it('name a column that is there, known by the plan or by the record', async () => {
    const step = { do: 'substr', column: 2, start: 0, length: 1 }
    await expect(run([step], ['a', 'b'], 'text', 'text')).rejects.toMatchObject({ code: 'job/invalid' })
    await expect(run([step], ['a', 'b'])).rejects.toMatchObject({ code: 'record/column-count' })
    expect(await run([step], ['a', 'b', 'cd'])).toEqual(['a', 'b', 'c'])
  })
})

test('a digest of half a character is refused, as no UTF-8 holds it', async () => {
  const steps = [
    { do: 'substr', column: 0, start: 0, length: 1 },
    { do: 'digest', column: 0, algorithm: 'md5' },
  ].map((step) => TransformStep.parse(step))
  const change = await compileTransform(steps, null)
  expect(() => change(['😀'])).toThrow(/cut a character in two/)
})
