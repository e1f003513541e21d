import { TransferError } from '../errors/index.ts'
import type { Column } from '../schema/index.ts'
import { digest } from './digest.ts'
import { filterOf } from './filter.ts'
import { pad } from './pad.ts'
import { RefusedValue, refusedBy } from './refused.ts'
import { replace } from './replace.ts'
import type { TransformStep } from './step.ts'
import { substr } from './substr.ts'
import { kindOf, textOf, type ValueKind } from './value-kind.ts'

/**
 * The fields of a record after all steps; null: the record is left out.
 * @throws record/transform, record/column-count
 */
export type ChangeFields = (fields: readonly Field[]) => readonly Field[] | null
type Field = string | null

/** One step on its own field: the new value, or that the record is left out. */
type ChangeField = (value: Field) => Field | typeof leftOut
const leftOut = Symbol('left out')

/**
 * Puts the steps together, in order. Whatever a step has made is a text to those behind it.
 * @param columns of the reader; null: only its records know, and all of them are texts
 * @throws job/invalid for a column that is not there, or a value that fits no value of its column; job/unsupported
 */
export async function compileTransform(
  steps: readonly TransformStep[],
  columns: readonly Column[] | null,
): Promise<ChangeFields> {
  const kinds: ValueKind[] = (columns ?? []).map(kindOf)
  const changes: { readonly step: TransformStep; readonly change: ChangeField; readonly name: string }[] = []
  for (const [index, step] of steps.entries()) {
    if (columns !== null && step.column >= columns.length) throw noColumn(index, step, columns.length)
    const kind = kinds[step.column] ?? 'text'
    const name = columns?.[step.column]?.name ?? String(step.column)
    changes.push({ step, change: await changeOf(step, kind), name })
    if (step.do !== 'filter') kinds[step.column] = 'text'
  }
  return (given) => {
    const fields = [...given]
    for (const [index, { step, change, name }] of changes.entries()) {
      const value = fields[step.column]
      if (value === undefined) throw missingField(step, given.length)
      const changed = inStep(index, step, name, () => change(value))
      if (changed === leftOut) return null
      fields[step.column] = changed
    }
    return fields
  }
}

async function changeOf(step: TransformStep, kind: ValueKind): Promise<ChangeField> {
  if (step.do === 'filter') {
    const drops = await filterOf(step, kind)
    return (value) => (drops(value) ? leftOut : value)
  }
  const change = textChange(step)
  return (value) => change(textOf(value, kind))
}

function textChange(step: Exclude<TransformStep, { do: 'filter' }>): (value: Field) => Field {
  if (step.do === 'substr') return (value) => substr(step, value)
  if (step.do === 'pad') return (value) => pad(step, value)
  if (step.do === 'replace') return (value) => replace(step, value)
  return (value) => digest(step, value)
}

function inStep<T>(index: number, step: TransformStep, name: string, change: () => T): T {
  try {
    return change()
  } catch (error) {
    throw error instanceof RefusedValue ? refusedBy(index + 1, step.do, name, error) : error
  }
}

function noColumn(index: number, { do: name, column }: TransformStep, count: number): TransferError {
  const message = `step ${index + 1} (${name}) of the transformation names column ${column}, and the reader gives ${count}: 0 to ${count - 1}`
  return new TransferError('job/invalid', message, { column, columns: count })
}

const missingField = ({ do: name, column }: TransformStep, count: number) =>
  new TransferError('record/column-count', `the record has ${count} fields, and ${name} needs field ${column}`, {
    column,
  })
