import {
  createScanner,
  findNodeAtLocation,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { type Fault, faultAt, maxFaults, type Path, worthTelling } from './fault.ts'
import { scriptValue } from './script-value.ts'

/** A parsed text that still knows where each value stands. */
export interface ScriptText {
  /** undefined when a fault of severity `error` says why. */
  readonly value: unknown
  readonly faults: readonly Fault[]
  /** Adds line and column to a fault; of a missing member, those of what should hold it. */
  place(fault: Fault): Fault
}

/** Deeper than any script, far from the end of the stack. */
const maxDepth = 100
/** Many times what DataWorks takes, and a text of this size is checked in under a second. */
const maxCharacters = 512 * 1024
/** One mistake makes several: what follows the first few is noise. */
const maxSyntaxFaults = 5

/** JSON as the samples of DataWorks write it: with comments, trailing commas and forgotten ones (dataworks-datax.md §1.1). */
export function readText(given: string): ScriptText {
  const text = given.replace(/^\uFEFF/, ' ')
  const monster = refuseMonster(text)
  if (monster !== null) return unreadable([monster])
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false })
  const lines = lineStarts(text)
  if (root === undefined || text.trim() === '')
    return unreadable([faultAtStart(errors.some(isUnknownSymbol) ? 'the text is not JSON' : 'the text is empty')])
  const fatal = errors.filter((error) => !isForgottenComma(error))
  if (fatal.length > 0) return unreadable(fatal.slice(0, maxSyntaxFaults).map((error) => syntaxFault(error, lines)))
  const commas = errors.slice(0, maxFaults).map((error) => syntaxFault(error, lines))
  const faults: Fault[] = []
  const value = scriptValue(root, text, [], faults)
  const place = (fault: Fault) => placed(fault, root, lines)
  return { value, faults: [...commas, ...worthTelling(faults).map(place)], place }
}

/** Of a binary file, say; a text of nothing but comments has none. */
const isUnknownSymbol = ({ error }: ParseError) => printParseErrorCode(error) === 'InvalidSymbol'

const unreadable = (faults: readonly Fault[]): ScriptText => ({ value: undefined, faults, place: (fault) => fault })

const faultAtStart = (message: string): Fault => ({ ...faultAt([], message, 'job/syntax'), line: 1, column: 1 })

function refuseMonster(text: string): Fault | null {
  if (text.length > maxCharacters)
    return faultAtStart(`a job has at most ${maxCharacters} characters, got ${text.length}`)
  const scanner = createScanner(text, true)
  let depth = 0
  for (scanner.scan(); scanner.getTokenOffset() < text.length; scanner.scan()) {
    const first = text[scanner.getTokenOffset()]
    if (first === '{' || first === '[') depth += 1
    if (first === '}' || first === ']') depth -= 1
    if (depth > maxDepth) return faultAtStart(`brackets are nested more than ${maxDepth} deep`)
  }
  return null
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
const wordsOf = (error: ParseError['error']) =>
  printParseErrorCode(error)
    .replaceAll(/(?<!^)([A-Z])/g, ' $1')
    .toLowerCase()

export interface TextPlace {
  readonly line: number
  readonly column: number
}

/** Where a text stops being JSON, and why; 1-based. The engine's own message quotes the text, which may be anything. */
export function jsonFault(text: string): TextPlace & { readonly reason: string } {
  const errors: ParseError[] = []
  parseTree(text, errors, { allowTrailingComma: false, disallowComments: true })
  const [first] = errors
  const place = lineAndColumn(lineStarts(text), first?.offset ?? 0)
  return { ...place, reason: first === undefined ? 'is not JSON' : wordsOf(first.error) }
}

/** Where a value of a JSON text stands, or of what should hold it. */
export function placeInText(text: string, path: Path): TextPlace {
  const root = parseTree(text)
  const { line, column } = root === undefined ? faultAtStart('') : placed(faultAt(path, ''), root, lineStarts(text))
  return { line: line ?? 1, column: column ?? 1 }
}

function placed(given: Fault, root: Node, lines: readonly number[]): Fault {
  if (given.line !== null) return given
  for (let depth = given.path.length; depth >= 0; depth -= 1) {
    const node = findNodeAtLocation(root, [...given.path.slice(0, depth)])
    if (node !== undefined) return { ...given, ...lineAndColumn(lines, node.offset) }
  }
  return given
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function lineAndColumn(lines: readonly number[], offset: number): { line: number; column: number } {
  let [low, high] = [0, lines.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((lines[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: offset - (lines[low] ?? 0) + 1 }
}
