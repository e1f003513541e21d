import type { JobDocument } from './document.ts'
import { type Fault, warningAt } from './fault.ts'
import { isScriptObject, type ScriptObject } from './members.ts'
import { asTransformers } from './transformers.ts'

export const onlyOurs =
  'becomes a step of category processor that adbpg-sync reads; DataWorks knows none of this form, and would move records unchanged'

/** A list of transformers in a DataWorks script: our own form. */
export const processorOf = (transformer: readonly unknown[]) => ({
  stepType: 'transformer',
  parameter: { transformer },
  name: 'Processor',
  category: 'processor',
})

/** The script in its own form, with the steps that stood around it. */
export function withTransformers(
  { script, transform = [] }: JobDocument,
  form: 'datax' | 'dataworks',
  remarks: Fault[],
): unknown {
  if (transform.length === 0) return script
  const transformer = asTransformers(transform)
  if (form === 'datax')
    return changedAt(script, ['job', 'content'], (content) => {
      const [first, ...others]: unknown[] = Array.isArray(content) ? content : [content]
      return [{ ...(isScriptObject(first) ? first : {}), transformer }, ...others]
    })
  const hasSteps = isScriptObject(script) && Array.isArray(script[nameIn(script, 'steps')])
  remarks.push(
    hasSteps
      ? warningAt(['transform'], onlyOurs)
      : warningAt(
          ['transform'],
          'has no place in a bare script of version 1.0; write its steps in a script of version 2.0',
        ),
  )
  const added = (steps: unknown) => (Array.isArray(steps) ? [...steps, processorOf(transformer)] : steps)
  return hasSteps ? changedAt(script, ['steps'], added) : script
}

/** As the author spelled it, where it is there. */
const nameIn = (object: ScriptObject, name: string): string =>
  Object.keys(object).find((one) => one.toLowerCase() === name) ?? name

function changedAt(value: unknown, [name, ...rest]: readonly string[], change: (value: unknown) => unknown): unknown {
  if (name === undefined) return change(value)
  if (!isScriptObject(value)) return value
  const own = nameIn(value, name)
  return { ...value, [own]: changedAt(value[own], rest, change) }
}
