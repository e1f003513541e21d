import type * as z from 'zod'
import { type Fault, type FaultCode, faultOf, type Path } from './fault.ts'
import { didYouMean } from './nearest-name.ts'

type Issue = z.core.$ZodIssue

/** Where a value of the checked object stands in the user's text. */
export type PlaceOf = (path: Path) => Path

/** One fault per issue of a schema, in our words: what is allowed, and what is there. */
export function issueFaults(issue: Issue, checked: unknown, placeOf: PlaceOf, names: readonly string[] = []): Fault[] {
  if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue.errors)
    if (branch.length > 0 && depthOf(branch) > 0)
      return branch.flatMap((inner) =>
        issueFaults({ ...inner, path: [...issue.path, ...inner.path] } as Issue, checked, placeOf, names),
      )
  }
  const path = stepsOf(issue.path)
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => faultOf(placeOf(path), undefined, message))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      faultOf(placeOf([...path, key]), undefined, `is not known here${didYouMean(key, names)}`),
    )
  }
  return [faultOf(placeOf(path), valueAt(checked, path), wordsOf(issue, valueAt(checked, path)), codeOf(issue))]
}

export const stepsOf = (path: readonly PropertyKey[]): Path =>
  path.map((step) => (typeof step === 'symbol' ? String(step) : step))

export const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined),
    value,
  )

const depthOf = (branch: readonly Issue[]) => Math.max(0, ...branch.slice(0, 10).map(({ path }) => path.length))

/** Of the alternatives, the one that understood most of the value tells best what is wrong with it. */
function likeliestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  return branches.reduce<readonly Issue[]>(
    (best, branch) => (best.length === 0 || depthOf(branch) > depthOf(best) ? branch : best),
    [],
  )
}

/** Connectors mark what they do not do yet (`params.code`), as against mistakes. */
function codeOf(issue: Issue): FaultCode {
  const isUnsupported = issue.code === 'custom' && issue.params?.code === 'job/unsupported'
  return isUnsupported ? 'job/unsupported' : 'job/invalid'
}

function wordsOf(issue: Issue, value: unknown): string {
  if (issue.code === 'custom' || (!issue.message.startsWith('Invalid ') && !issue.message.startsWith('Too ')))
    return issue.message
  const missing = value === undefined ? 'is missing; it ' : ''
  return `${missing}must be ${allowedBy(issue)}`
}

function allowedBy(issue: Issue): string {
  if (issue.code === 'invalid_value')
    return `${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}`
  if (issue.code === 'invalid_type') return nounOf(issue.expected)
  if (issue.code === 'too_small')
    return `${issue.inclusive ? 'at least' : 'more than'} ${sizeOf(issue.origin, issue.minimum)}`
  if (issue.code === 'too_big')
    return `${issue.inclusive ? 'at most' : 'less than'} ${sizeOf(issue.origin, issue.maximum)}`
  if (issue.code === 'invalid_format')
    return `of the form ${issue.format === 'regex' ? (issue.pattern ?? 'asked for') : issue.format}`
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const kinds = issue.errors.flatMap(([first]) => (first === undefined ? [] : [allowedBy(first as Issue)]))
    return [...new Set(kinds)].join(', or ')
  }
  if (issue.code === 'invalid_union' && 'options' in issue && issue.options !== undefined)
    return `one of ${issue.options.map(String).join(', ')}`
  return 'of another kind'
}

const nouns: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
}
const nounOf = (expected: string) => nouns[expected] ?? expected

function sizeOf(origin: string, bound: number | bigint): string {
  if (origin === 'string') return `${bound} characters long`
  return origin === 'array' ? `${bound} long` : String(bound)
}
