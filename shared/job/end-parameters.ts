import { type Fault, faultAt, faultOf } from './fault.ts'
import { foldNames, isBlank, isScriptObject, type Member } from './members.ts'

/** The parameters of a reader or writer, whichever way they were written. */
export interface EndParameters {
  /** By the name the user wrote, but for `datasource`; those of `connection[0]` have been lifted up. */
  readonly entries: ReadonlyMap<string, Member>
  /** The name of a registered datasource, where one is given. */
  readonly datasource: Member | null
}

/**
 * DataX writes `connection: [{jdbcUrl, table}]`, DataWorks `datasource` beside or inside of it (dataworks-datax.md §1.1,
 * §3.3). Several connections are a sharded source: reading only the first would lose rows, so they are refused.
 */
export function endParameters({ value, path }: Member, faults: Fault[]): EndParameters {
  if (!isBlank(value) && !isScriptObject(value)) faults.push(faultOf(path, value, 'must be an object'))
  const outer = isScriptObject(value) ? Object.entries(value) : []
  const { known, unknown } = foldNames(
    outer.map(([name, item]) => [name, { value: item, path: [...path, name] }]),
    ['datasource', 'connection'],
    faults,
  )
  const inner = liftedFrom(known.get('connection'), faults)
  const entries = new Map(unknown)
  for (const [name, member] of inner.unknown) addInner(entries, name, member, faults)
  const outerName = given(known.get('datasource'))
  const innerName = given(inner.known.get('datasource'))
  if (outerName !== null && innerName !== null && outerName.value !== innerName.value)
    faults.push(faultAt(innerName.path, 'differs from parameter.datasource; keep one of the two'))
  return { entries, datasource: outerName ?? innerName }
}

const given = (member: Member | undefined): Member | null =>
  member === undefined || isBlank(member.value) ? null : member

function liftedFrom(connection: Member | undefined, faults: Fault[]) {
  const nothing = foldNames([], [], faults)
  if (connection === undefined || isBlank(connection.value)) return nothing
  const { value, path } = connection
  const first: Member = Array.isArray(value) ? { value: value[0], path: [...path, 0] } : connection
  if (Array.isArray(value) && value.length > 1) {
    const reason = `several connections (a sharded source) are a later release, got ${value.length}; make a job of each`
    faults.push(faultAt([...path, 1], reason, 'job/unsupported'))
  }
  if (!isScriptObject(first.value)) {
    faults.push(faultOf(first.path, first.value, 'must be an object with jdbcUrl and table or querySql'))
    return nothing
  }
  const members = Object.entries(first.value).map(
    ([name, item]) => [name, { value: item, path: [...first.path, name] }] as const,
  )
  return foldNames(members, ['datasource'], faults)
}

/** `table` in both places, as some samples have it, must be the same. */
function addInner(entries: Map<string, Member>, name: string, member: Member, faults: Fault[]): void {
  const outerName = [...entries.keys()].find((one) => one.toLowerCase() === name.toLowerCase())
  const outer = outerName === undefined ? undefined : entries.get(outerName)
  if (outerName === undefined || isBlank(outer?.value)) {
    if (outerName !== undefined) entries.delete(outerName)
    entries.set(name, member)
  } else if (!isBlank(member.value) && JSON.stringify(outer?.value) !== JSON.stringify(member.value)) {
    faults.push(faultAt(member.path, `stands outside of connection too, with another value; keep one of the two`))
  }
}
