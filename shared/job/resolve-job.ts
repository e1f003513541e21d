import type * as z from 'zod'
import type { RunDates } from '../schedule/index.ts'
import { type Connection, connectionOf, type Datasource } from './datasource.ts'
import type { JobDocument, JobEnd, JobSpec } from './document.ts'
import { checkOptions } from './end-options.ts'
import { endParameters } from './end-parameters.ts'
import {
  type Fault,
  faultAt,
  faultOf,
  faultsError,
  faultText,
  isError,
  type Path,
  pathText,
  shownValue,
  warningAt,
  worthTelling,
} from './fault.ts'
import { connectionNames, type InlineOptions, inlineConnection, refuseContradiction } from './inline-connection.ts'
import { type MappedColumns, mappedColumns } from './mapped-columns.ts'
import { foldNames, isBlank, type Member, warnOfUnknown } from './members.ts'
import { didYouMean } from './nearest-name.ts'
import { noticesOf } from './notice.ts'
import { optionNames } from './option-names.ts'
import { fillParameters, readParameters } from './parameters.ts'
import { type ScriptEnd, shapeOf } from './script-shape.ts'
import { type HoistSecret, refuseLooseSecret } from './secret-reference.ts'
import { settingsOf } from './settings.ts'
import { transformOf } from './transformers.ts'

/** What the parser asks of a connector, and nothing more. */
export interface KnownEnd {
  readonly kind: string
  readonly connection: Connection['kind']
  readonly ignored: Readonly<Record<string, string>>
  readonly options: z.ZodType
  /** What has no effect because of other options, by the names of parameters. */
  // biome-ignore lint/suspicious/noExplicitAny: options types differ by connector; `options` has parsed them
  readonly remarks: null | ((options: any) => readonly { readonly parameter: string; readonly message: string }[])
}

export interface Catalogue {
  /** By plugin name, step type or datasource type, in any case; null when there is none. */
  find(role: 'reader' | 'writer', name: string): Promise<KnownEnd | null>
  known(role: 'reader' | 'writer'): readonly string[]
}

export interface FoundDatasource {
  readonly datasource: Datasource
  /** What of its definition has no effect. */
  readonly warnings: readonly Fault[]
}

export interface Resolution {
  readonly catalogue: Catalogue
  /** Of the caller and the trigger; the document's own come with it. */
  readonly parameters: Readonly<Record<string, string>>
  readonly dates: RunDates
  readonly findDatasource: (name: string) => Promise<FoundDatasource | null>
  readonly hoistSecret: HoistSecret | null
  /** Adds line and column where the text is at hand. */
  readonly place: (fault: Fault) => Fault
}

/** null: at least one of the faults is an error. */
export interface CheckedJob {
  readonly spec: JobSpec | null
  readonly faults: readonly Fault[]
  /** What was filled in, by the name or the date expression of the script; `bizdate` and `cyctime` in any case. */
  readonly values: Readonly<Record<string, string>>
}

/** A job as a run gets it, with the values that went into its script. */
export interface ResolvedJob extends Pick<CheckedJob, 'values'> {
  readonly spec: JobSpec
}

/**
 * Makes of a job document what a run needs: parameters filled in, connections looked up, options checked by the
 * connectors themselves. One pass, all faults.
 * @throws job/invalid, or the code that all faults share, with a line per fault: path, value, what is allowed
 */
export async function resolveJob(
  document: JobDocument,
  scriptPath: Path,
  resolution: Resolution,
): Promise<ResolvedJob> {
  const { spec, faults, values } = await checkJob(document, scriptPath, resolution)
  if (spec === null) throw faultsError(faults)
  return { spec, values }
}

/** As `resolveJob`, with the faults as a result: for editors, which show them in place. @throws what `findDatasource` does */
export async function checkJob(document: JobDocument, scriptPath: Path, resolution: Resolution): Promise<CheckedJob> {
  const faults: Fault[] = []
  const sources = { own: document.parameters, given: resolution.parameters, dates: resolution.dates }
  const parameters = readParameters(sources, faults)
  const { bizdate = '', cyctime = '' } = parameters.values
  const told = new Map(Object.entries({ bizdate, cyctime }))
  const tell = (reference: string, value: string) => void told.set(reference, value)
  const filled = fillParameters(document.script, parameters, scriptPath, faults, tell)
  const shape = shapeOf(filled, scriptPath, faults)
  const reader = shape && (await resolveEnd('reader', shape.reader, resolution, faults))
  const mapped = mappedColumns(document.mapping ?? null)
  const writer = shape && (await resolveEnd('writer', shape.writer, resolution, faults, mapped))
  const settings = shape && settingsOf(shape, faults)
  const transform = shape === null ? [] : transformOf(document.transform, shape.transformers, faults)
  const notices = noticesOf(document.notices ?? [], ['notices'], faults)
  const located = worthTelling(faults).map(resolution.place)
  if (reader === null || writer === null || settings === null || located.some(isError)) {
    return { spec: null, faults: located, values: Object.fromEntries(told) }
  }
  const warnings = located.map(faultText)
  const mapping = mapped === null ? null : mapped.sources
  return {
    spec: {
      name: document.name,
      reader,
      writer,
      settings,
      mapping,
      ...(transform.length === 0 ? {} : { transform: [...transform] }),
      ...(notices.length === 0 ? {} : { notices }),
      warnings,
    },
    faults: located,
    values: Object.fromEntries(told),
  }
}

async function resolveEnd(
  role: 'reader' | 'writer',
  end: ScriptEnd,
  resolution: Resolution,
  faults: Fault[],
  mapped: MappedColumns | null = null,
): Promise<JobEnd | null> {
  const { entries, datasource: named } = endParameters(end.parameters, faults)
  const datasource = named === null ? null : await datasourceAt(named, resolution, faults)
  const name = end.name ?? datasource?.type ?? null
  if (name === null) {
    if (named === null)
      faults.push(faultAt(end.namePath, `is missing; name a ${role}, or a datasource that tells its type`))
    return null
  }
  const known = await resolution.catalogue.find(role, name)
  if (known === null) {
    faults.push(unknownEnd(role, name, end, resolution.catalogue))
    return null
  }
  if (named !== null && datasource === null) return null
  const sorted = sortMembers(entries, known, faults)
  if (mapped !== null) mapped.applyTo(sorted.options, known, faults)
  const options = { path: end.parameters.path, hoistSecret: resolution.hoistSecret, faults }
  const connection =
    datasource === null || named === null
      ? inlineConnection(known.connection, sorted.connection, options)
      : registeredConnection(known, sorted.connection, { datasource, named }, options)
  return checkOptions(known, connection, sorted.options, end.parameters.path, faults)
}

function unknownEnd(role: 'reader' | 'writer', name: string, end: ScriptEnd, catalogue: Catalogue): Fault {
  const kinds = catalogue.known(role)
  const plain = name.toLowerCase().replace(/(reader|writer)$/, '')
  const isOther = new RegExp(`${role === 'reader' ? 'writer' : 'reader'}$`, 'i').test(name)
  const hint = isOther ? `; this is the place of a ${role}` : didYouMean(plain, kinds)
  return faultOf(end.namePath, name, `no ${role} has this name${hint}; there are ${kinds.join(', ')}`)
}

/** null: there is none of the name, which has become a fault. */
async function datasourceAt(
  named: Member,
  { findDatasource }: Resolution,
  faults: Fault[],
): Promise<Datasource | null> {
  const found = typeof named.value === 'string' ? await findDatasource(named.value) : null
  for (const { path, message } of found?.warnings ?? [])
    faults.push(warningAt(named.path, `names a datasource whose ${pathText(path)} ${message}`))
  if (found !== null) return found.datasource
  const message = `no datasource is named ${shownValue([], named.value)}; register it under datasources/ or pass --datasources`
  faults.push(faultAt(named.path, message, 'job/unknown-datasource'))
  return null
}

interface SortedMembers {
  readonly connection: ReadonlyMap<string, Member>
  readonly options: Map<string, Member>
}

/** Parameters under the names of connection and connector; of the others, one warning each. */
function sortMembers(entries: ReadonlyMap<string, Member>, known: KnownEnd, faults: Fault[]): SortedMembers {
  const connectionKeys = connectionNames[known.connection]
  const optionKeys = optionNames(known.options).filter((name) => name !== 'connection')
  const names = [...connectionKeys, ...optionKeys, ...Object.keys(known.ignored)]
  const folded = foldNames(entries, names, faults)
  const connection = new Map<string, Member>()
  const options = new Map<string, Member>()
  for (const [name, member] of folded.known) {
    const reason = Object.hasOwn(known.ignored, name) ? known.ignored[name] : undefined
    if (connectionKeys.includes(name)) connection.set(name, member)
    else options.set(name, member)
    if (!connectionKeys.includes(name)) refuseLooseSecret(name, member.value, member.path, faults)
    if (reason !== undefined && !isBlank(member.value)) faults.push(warningAt(member.path, `has no effect: ${reason}`))
  }
  for (const [name, { value, path }] of folded.unknown) refuseLooseSecret(name, value, path, faults)
  warnOfUnknown(folded.unknown, names, faults)
  return { connection, options }
}

function registeredConnection(
  known: KnownEnd,
  members: ReadonlyMap<string, Member>,
  { datasource, named }: { datasource: Datasource; named: Member },
  { faults }: InlineOptions,
): Connection | null {
  const connection = connectionOf(datasource)
  for (const [name, member] of members) refuseLooseSecret(name, member.value, member.path, faults)
  if (connection.kind !== known.connection) {
    const message = `is of type ${datasource.type}, but ${known.kind} needs a ${known.connection} connection`
    faults.push(faultAt(named.path, message))
    return null
  }
  refuseContradiction(connection, members, String(named.value), faults)
  return connection
}
