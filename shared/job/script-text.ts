import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { type Fault, faultAt, maxFaults, worthTelling } from './fault.ts'
import { scriptValue } from './script-value.ts'

/** A parsed text that still knows where each value stands. */
export interface ScriptText {
  readonly value: unknown
  /** Adds line and column to a fault; of a missing member, those of what should hold it. */
  place(fault: Fault): Fault
}

/** Deeper than any script, far from the end of the stack. */
const maxDepth = 100
/** Many times what DataWorks takes, and a text of this size is checked in under a second. */
const maxCharacters = 512 * 1024
/** One mistake makes several: what follows the first few is noise. */
const maxSyntaxFaults = 5

/**
 * JSON as DataWorks' samples write it: with comments and trailing commas (dataworks-datax.md §1.1).
 * @throws job/syntax with every fault of the text
 */
export function parseText(text: string): ScriptText {
  refuseMonsters(text)
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  const lines = lineStarts(text)
  if (root === undefined || text.trim() === '') return unreadable([faultAtStart('the text is empty')])
  const fatal = errors.filter((error) => !isForgottenComma(error))
  if (fatal.length > 0) return unreadable(fatal.slice(0, maxSyntaxFaults).map((error) => syntaxFault(error, lines)))
  const commas = errors.slice(0, maxFaults).map((error) => syntaxFault(error, lines))
  const faults: Fault[] = []
  const value = scriptValue(root, text, [], faults)
  const place = (fault: Fault) => placed(fault, root, lines)
  return { value, faults: [...commas, ...worthTelling(faults).map(place)], place }
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

/** It leaves no doubt about what was meant. */
const isForgottenComma = ({ error }: ParseError) => printParseErrorCode(error) === 'CommaExpected'

function syntaxFault(error: ParseError, lines: readonly number[]): Fault {
  const severity = isForgottenComma(error) ? 'warning' : 'error'
  return {
    ...faultAt([], wordsOf(error.error), 'job/syntax'),
    severity,
    ...lineAndColumn(lines, error.offset),
  }
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
