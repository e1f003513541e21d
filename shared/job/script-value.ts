import type { Node } from 'jsonc-parser'
import { type Fault, faultAt, type Path } from './fault.ts'

/** Names that change what an object is, rather than what it holds: no script needs them, and code that meets them breaks. */
const hostileNames = new Set(['__proto__', 'toString', 'valueOf'])

/** A double holds this many digits of any decimal number. */
const exactDigits = 15

/**
 * The value of a syntax tree. A name given twice is a fault, because which of the two counts would be a guess; a number
 * that a double cannot hold stays the text it was.
 */
export function scriptValue(node: Node, text: string, path: Path, faults: Fault[]): unknown {
  if (node.type === 'array')
    return (node.children ?? []).map((item, index) => scriptValue(item, text, [...path, index], faults))
  if (node.type === 'object') return objectValue(node, text, path, faults)
  if (node.type === 'number') return numberValue(text.slice(node.offset, node.offset + node.length), node.value)
  return node.value as unknown
}

function objectValue(node: Node, text: string, path: Path, faults: Fault[]): Record<string, unknown> {
  const members = new Map<string, unknown>()
  for (const property of node.children ?? []) {
    const [key, item] = property.children ?? []
    if (key === undefined || item === undefined) continue
    const name = String(key.value)
    const at = [...path, name]
    if (hostileNames.has(name)) faults.push(faultAt(at, 'cannot be the name of anything here; remove it'))
    else if (members.has(name)) faults.push(faultAt(at, 'is given twice; keep one of the two'))
    else members.set(name, scriptValue(item, text, at, faults))
  }
  return Object.fromEntries(members)
}

function numberValue(written: string, value: unknown): unknown {
  const digits = written.replace(/e.*$/i, '').replaceAll(/\D/g, '').replace(/^0+/, '')
  return digits.length > exactDigits || !Number.isFinite(value) ? written : value
}
