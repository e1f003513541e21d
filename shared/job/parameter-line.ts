import { type Fault, faultAt, maxFaults, type Path } from './fault.ts'

/** A name, `=`, and a value that ends at a blank outside of brackets and braces. */
const assignment = /(\w+)=((?:\$\[[^[\]]*\]|\$\{[^{}]*\}|\S)*)(?:\s+|$)/y

/** The parameter line of a DataWorks node: `bizdate=$bizdate hour=$[hh24-1/24]` (dataworks-datax.md §5.1). */
export function readParameterLine(line: string, path: Path, faults: Fault[]): Record<string, string> {
  const values = new Map<string, string>()
  const text = line.trim()
  for (let at = 0; at < text.length; at = assignment.lastIndex) {
    assignment.lastIndex = at
    const [, name, value = ''] = assignment.exec(text) ?? []
    if (name === undefined) {
      const found = text.slice(at, at + 40)
      faults.push(
        faultAt(path, `must be name=value with a blank between two and none around =, or an object; see "${found}"`),
      )
      break
    }
    if (values.has(name) && faults.length < maxFaults) faults.push(faultAt(path, `gives ${name} twice`))
    values.set(name, value)
  }
  return Object.fromEntries(values)
}
