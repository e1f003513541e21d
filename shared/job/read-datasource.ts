import { Datasource, DatasourceName } from './datasource.ts'
import { datasourceProperties } from './datasource-properties.ts'
import { type Fault, faultAt, faultOf, faultsError, isError, maxFaults, type Path, worthTelling } from './fault.ts'
import { issueFaults } from './issue-faults.ts'
import { isScriptObject } from './members.ts'
import { readText, type ScriptText } from './script-text.ts'

/** null: at least one of the faults is an error. */
export interface ReadDatasource {
  readonly datasource: Datasource | null
  readonly faults: readonly Fault[]
}

/** Reads a definition in our form or in one of DataWorks; what it says beyond a connection is a warning each. */
export function readDatasource(value: unknown, path: Path): ReadDatasource {
  const faults: Fault[] = []
  const properties = datasourceProperties(value, path, faults)
  if (properties === null) return { datasource: null, faults }
  const candidate = Object.fromEntries([...properties].map(([name, member]) => [name, member.value]))
  const type = typeof candidate.type === 'string' ? candidate.type.toLowerCase() : candidate.type
  const parsed = Datasource.safeParse({ ...candidate, type })
  const placeOf = ([first, ...rest]: Path): Path =>
    first === undefined ? path : [...(properties.get(String(first))?.path ?? [...path, first]), ...rest]
  const issues = parsed.success ? [] : parsed.error.issues.slice(0, maxFaults)
  faults.push(...issueFaults(issues, { value: candidate, placeOf, namesAt: () => [] }))
  return { datasource: parsed.success && !faults.some(isError) ? parsed.data : null, faults }
}

export interface ParsedDatasource {
  readonly datasource: Datasource
  readonly warnings: readonly Fault[]
}

/**
 * @param place adds line and column where the text is at hand
 * @throws job/invalid, or the code that all faults share, with a line per fault
 */
export function parseDatasource(value: unknown, from: string, place = (fault: Fault) => fault): ParsedDatasource {
  const { datasource, faults } = readDatasource(value, [])
  const told = worthTelling(faults).map(place)
  if (datasource === null) throw faultsError(told, from)
  return { datasource, warnings: told }
}

/** The text of one definition, comments allowed. @throws job/syntax, job/invalid with a line per fault */
export function parseDatasourceText(text: string, from: string): ParsedDatasource {
  const { value, place } = requireText(text, from)
  return parseDatasource(value, from, place)
}

/** A text whose value is there, whatever it is. @throws job/syntax, job/invalid with line and column of each fault */
export function requireText(text: string, from: string): ScriptText {
  const read = readText(text)
  if (read.value === undefined || read.faults.some(isError)) throw faultsError(read.faults, from)
  return read
}

export interface DatasourceFile {
  readonly datasources: Readonly<Record<string, Datasource>>
  readonly warnings: readonly Fault[]
}

/**
 * The text of a `--datasources` file or of `ADBPG_SYNC_DATASOURCES`: an object of datasources by name, comments allowed.
 * @param from the file or variable, named in the message
 * @throws job/syntax, job/invalid with a line per fault
 */
export function parseDatasourceFile(text: string, from: string): DatasourceFile {
  const { value, faults: given, place } = readText(text)
  const faults: Fault[] = [...given]
  const found: [string, Datasource][] = []
  if (value !== undefined && !isScriptObject(value)) faults.push(faultOf([], value, 'must be an object of datasources'))
  for (const [name, definition] of isScriptObject(value) ? Object.entries(value) : []) {
    const { datasource, faults: own } = readDatasource(definition, [name])
    faults.push(...nameFaults(name), ...own)
    if (datasource !== null) found.push([name, datasource])
  }
  const told = worthTelling(faults).map(place)
  if (told.some(isError)) throw faultsError(told, from)
  return { datasources: Object.fromEntries(found), warnings: told }
}

function nameFaults(name: string): Fault[] {
  const parsed = DatasourceName.safeParse(name)
  return parsed.success ? [] : [faultAt([name], parsed.error.issues[0]?.message ?? 'is no name of a datasource')]
}
