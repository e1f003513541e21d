import type * as z from 'zod'

export type Issue = z.core.$ZodIssue

/**
 * What a schema allows at the place of an issue, as the rest of a sentence that begins with that place. The one place where
 * issues become words: zod's own speak of its types. A message that a schema gives itself is taken as it is.
 * @param value what stands there; never told
 */
export function issueWords(issue: Issue, value: unknown): string {
  if (issue.code === 'unrecognized_keys') return `has what is not known here: ${issue.keys.join(', ')}`
  if (isOwnMessage(issue)) return issue.message
  if (value === '' && issue.code === 'invalid_type') return `must not be empty; it must be ${allowedBy(issue)}`
  const missing = value === undefined ? 'is missing; it ' : ''
  return `${missing}must be ${allowedBy(issue)}`
}

/** The faults of something small, in one line: the path of each, and what is allowed there. */
export function issuesText(issues: readonly Issue[], checked: unknown, whole = 'it'): string {
  const said = issues.map(
    (issue) => `${issue.path.join('.') || whole}: ${issueWords(issue, memberAt(checked, issue.path))}`,
  )
  return said.join('; ')
}

export const memberAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined),
    value,
  )

/** zod's own messages begin with these words; each is said in our words below. */
const isOwnMessage = (issue: Issue) => issue.code === 'custom' || !/^(Invalid|Too|Unrecognized) /.test(issue.message)

function allowedBy(issue: Issue): string {
  if (issue.code === 'invalid_value') return oneOf(issue.values.map(String))
  if (issue.code === 'invalid_type') return nounOf(issue.expected)
  if (issue.code === 'too_small')
    return `${issue.inclusive ? 'at least' : 'more than'} ${sizeOf(issue.origin, issue.minimum)}`
  if (issue.code === 'too_big')
    return `${issue.inclusive ? 'at most' : 'less than'} ${sizeOf(issue.origin, issue.maximum)}`
  if (issue.code === 'invalid_format') return formOf(issue)
  if (issue.code === 'not_multiple_of') return `a multiple of ${issue.divisor}`
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return anyOf(issue.errors)
  if (issue.code === 'invalid_union' && 'options' in issue && issue.options !== undefined)
    return oneOf(issue.options.map(String))
  return 'of another kind'
}

const oneOf = (values: readonly string[]) => `${values.length > 1 ? 'one of ' : ''}${values.join(', ')}`

/** Single values of several alternatives are one list. */
function anyOf(alternatives: readonly (readonly Issue[])[]): string {
  const firsts = alternatives.flatMap(([first]) => (first === undefined ? [] : [first]))
  const literal = firsts.flatMap((first) => (first.code === 'invalid_value' ? first.values.map(String) : []))
  const values = literal.filter((value) => value !== '')
  const others = firsts.filter(({ code }) => code !== 'invalid_value').map(allowedBy)
  return [...(values.length === 0 ? [] : [oneOf([...new Set(values)])]), ...new Set(others)].join(', or ')
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

const forms: Readonly<Record<string, string>> = {
  url: 'a URL',
  datetime: 'an instant such as 2026-11-24T05:00:00Z',
}

function formOf({ format, pattern }: z.core.$ZodIssueInvalidStringFormat): string {
  if (format === 'regex') return `of the form ${pattern ?? 'asked for'}`
  return forms[format] ?? `of the form ${format}`
}

function sizeOf(origin: string, bound: number | bigint): string {
  if (origin === 'string') return `${bound} characters long`
  return origin === 'array' ? `${bound} long` : String(bound)
}
