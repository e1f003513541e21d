import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Fault } from '../../shared/job/fault.ts'
import { asTransformers, stepsOf } from '../../shared/job/transformers.ts'
import { TransformStep } from '../../shared/transform/step.ts'

const place = fc.nat(2 ** 31 - 1)
const column = fc.nat(100)
const text = fc.string({ unit: 'grapheme' })
const when = fc.constantFrom('like', 'not like', '>', '<', '=', '!=', '>=', '<=')
const step = fc.oneof(
  fc.record({ do: fc.constant('substr'), column, start: place, length: place }),
  fc.record({
    do: fc.constant('pad'),
    column,
    side: fc.constantFrom('left', 'right'),
    length: fc.nat(100_000),
    with: fc.string({ minLength: 1 }),
  }),
  fc.record({ do: fc.constant('replace'), column, start: place, length: place, with: text }),
  fc.record({ do: fc.constant('filter'), column, when, value: fc.string({ minLength: 1 }) }),
  fc.record({
    do: fc.constant('digest'),
    column,
    algorithm: fc.constantFrom('md5', 'sha1'),
    letters: fc.constantFrom('lower', 'upper'),
  }),
)

test('steps as a DataX job lists them, read again, are the same steps', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (given) => {
      const steps = given.map((one) => TransformStep.parse(one))
      const faults: Fault[] = []
      expect(stepsOf({ value: asTransformers(steps), path: [] }, faults)).toEqual(steps)
      expect(faults).toEqual([])
    }),
  )
})

test('no list crashes the reading, and what is no step is a fault', () => {
  const name = fc.constantFrom('dx_substr', 'DX_PAD', 'dx_replace', 'dx_filter', 'dx_digest', 'dx_groovy', 'x')
  const parameter = fc.oneof(fc.anything(), fc.record({ columnIndex: fc.anything(), paras: fc.array(fc.anything()) }))
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.anything(), fc.record({ name, parameter }))), (value) => {
      const faults: Fault[] = []
      const steps = stepsOf({ value: JSON.parse(JSON.stringify(value)), path: ['transformer'] }, faults)
      const errors = faults.filter(({ severity }) => severity === 'error')
      expect(steps.length === value.length || errors.length > 0).toBe(true)
    }),
  )
})
