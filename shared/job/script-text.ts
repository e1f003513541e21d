import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { type Fault, faultsError } from './fault.ts'

/** A parsed text that still knows where each value stands. */
export interface ScriptText {
  readonly value: unknown
  /** Adds line and column to a fault; of a missing member, those of what should hold it. */
  place(fault: Fault): Fault
}

/** Deeper than any script, far from the end of the stack. */
const maxDepth = 200
const maxBytes = 4 * 1024 * 1024

/**
 * JSON as DataWorks' samples write it: with comments and trailing commas (dataworks-datax.md §1.1).
 * @throws job/syntax with every fault of the text
 */
export function parseText(text: string): ScriptText {
  refuseMonsters(text)
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  if (errors.length > 0 || root === undefined) throw faultsError(syntaxFaults(text, errors), 'job/syntax')
  return { value: getNodeValue(root), place: (fault) => placed(fault, root, text) }
}

function refuseMonsters(text: string): void {
  if (text.length > maxBytes)
    throw faultsError([fault(`a job has at most ${maxBytes} characters, got ${text.length}`)], 'job/syntax')
  let depth = 0
  for (const [bracket] of text.matchAll(/[[\]{}]/g)) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1
    if (depth > maxDepth) throw faultsError([fault(`brackets are nested more than ${maxDepth} deep`)], 'job/syntax')
  }
}

const fault = (message: string): Fault => ({ path: [], message, line: 1, column: 1 })

function syntaxFaults(text: string, errors: readonly ParseError[]): Fault[] {
  if (text.trim() === '' || errors.length === 0) return [fault('the text is empty')]
  return errors
    .slice(0, 20)
    .map(({ error, offset }) => ({ path: [], message: wordsOf(error), ...lineAndColumn(text, offset) }))
}

/** `CommaExpected` → `comma expected` */
const wordsOf = (error: number) =>
  printParseErrorCode(error)
    .replaceAll(/(?<!^)([A-Z])/g, ' $1')
    .toLowerCase()

function placed(given: Fault, root: Node, text: string): Fault {
  if (given.line !== null) return given
  for (let depth = given.path.length; depth >= 0; depth -= 1) {
    const node = findNodeAtLocation(root, [...given.path.slice(0, depth)])
    if (node !== undefined) return { ...given, ...lineAndColumn(text, node.offset) }
  }
  return given
}

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') }
}
