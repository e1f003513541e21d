import { type Issue, issueWords, memberAt } from '../errors/index.ts'
import { type Fault, type FaultCode, faultOf, type Path } from './fault.ts'
import { isScriptObject } from './members.ts'
import { didYouMean } from './nearest-name.ts'

/** What the faults of a schema's issues are made of. */
export interface Checked {
  readonly value: unknown
  /** Where a value of the checked object stands in the user's text. */
  readonly placeOf: (path: Path) => Path
  /** The names that the schema knows at a place within the object. */
  readonly namesAt: (path: Path) => readonly string[]
}

/** One fault per cause, in our words: what is allowed, and what is there. */
export function issueFaults(issues: readonly Issue[], checked: Checked): Fault[] {
  const misspelled = issues.flatMap((issue) => missedNames(issue, checked))
  return issues
    .filter((issue) => !(issue.code === 'invalid_type' && misspelled.includes(JSON.stringify(issue.path))))
    .flatMap((issue) => faultsOf(issue, checked))
}

/** The members that misspelled ones were meant to be: that they are missing is the same fault. */
function missedNames(issue: Issue, { value, namesAt }: Checked): string[] {
  if (issue.code !== 'unrecognized_keys') return []
  const path = stepsOf(issue.path)
  const holder = memberAt(value, path)
  return issue.keys
    .flatMap((key) => {
      const meant = namesAt(path).filter((name) => didYouMean(key, [name]) !== '')
      return meant.filter((name) => isScriptObject(holder) && holder[name] === undefined)
    })
    .map((name) => JSON.stringify([...path, name]))
}

function faultsOf(issue: Issue, checked: Checked): Fault[] {
  const path = stepsOf(issue.path)
  if (issue.code === 'invalid_union') {
    const inner = withinUnion(issue, memberAt(checked.value, path))
    if (inner.length > 0)
      return issueFaults(
        inner.map((one) => ({ ...one, path: [...issue.path, ...one.path] }) as Issue),
        checked,
      )
  }
  if (issue.code === 'invalid_key')
    return issue.issues.map((inner) =>
      faultOf(checked.placeOf(path), undefined, issueWords(inner as Issue, path.at(-1))),
    )
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) =>
      faultOf(checked.placeOf([...path, key]), undefined, unknownName(key, checked.namesAt(path))),
    )
  const value = memberAt(checked.value, path)
  return [faultOf(checked.placeOf(path), value, issueWords(issue, value), codeOf(issue))]
}

/** As many as a person takes in. */
const mostNames = 12

function unknownName(name: string, names: readonly string[]): string {
  const hint = didYouMean(name, names)
  const known = hint === '' && names.length > 0 && names.length <= mostNames ? `; known are ${names.join(', ')}` : hint
  return `is not known here${known}`
}

export const stepsOf = (path: readonly PropertyKey[]): Path =>
  path.map((step) => (typeof step === 'symbol' ? String(step) : step))

/** What is wrong within a value of which several alternatives can be; none: no alternative is of its kind at all. */
function withinUnion({ errors }: Extract<Issue, { code: 'invalid_union' }>, value: unknown): readonly Issue[] {
  const unknown = isScriptObject(value) ? namesUnknownToAll(errors) : []
  if (unknown.length > 0)
    return [{ code: 'unrecognized_keys', keys: unknown, path: [], message: '' } as unknown as Issue]
  const branch = likeliestBranch(errors)
  return depthOf(branch) > 0 ? branch : []
}

/** By every alternative that is an object. */
function namesUnknownToAll(alternatives: readonly (readonly Issue[])[]): string[] {
  const ofObjects = alternatives.filter((issues) =>
    issues.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  )
  const [first = [], ...others] = ofObjects.map((issues) =>
    issues.flatMap((issue) => (issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [])),
  )
  return first.filter((name) => others.every((names) => names.includes(name)))
}

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
