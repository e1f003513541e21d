import type * as z from 'zod'
import { TransferError } from '../errors/index.ts'
import type { RunDates } from '../schedule/index.ts'
import { type Connection, connectionOf, type Datasource } from './datasource.ts'
import type { JobEnd, JobSpec } from './document.ts'
import { checkOptions } from './end-options.ts'
import { endParameters } from './end-parameters.ts'
import {
  type Fault,
  type FaultCode,
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
import type { ParsedDocument } from './parse-document.ts'
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
  /** The names there are, for one that is not among them. */
  readonly datasourceNames: () => Promise<readonly string[]>
  readonly hoistSecret: HoistSecret | null
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
export async function resolveJob(parsed: ParsedDocument, resolution: Resolution): Promise<ResolvedJob> {
  const { spec, faults, values } = await checkJob(parsed, resolution)
  if (spec === null) throw faultsError(faults)
  return { spec, values }
}

/**
 * As `resolveJob`, with the faults as a result, those of the text among them: for editors, which show them in place.
 * @throws what `findDatasource` does, unless it is about the definition
 */
export async function checkJob(parsed: ParsedDocument, resolution: Resolution): Promise<CheckedJob> {
  const { document, scriptPath, place } = parsed
  const faults: Fault[] = [...parsed.warnings]
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
  const located = worthTelling(faults).map(place)
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
  if (end.name === null && named === null)
    faults.push(faultAt(end.namePath, `is missing; name a ${role}, or a datasource that tells its type`))
  const known = await knownEnd(role, end, datasource, resolution, faults)
  if (known === null) return null
  const sorted = sortMembers(entries, known, faults)
  if (mapped !== null) mapped.applyTo(sorted.options, known, faults)
  const options = { path: end.parameters.path, hoistSecret: resolution.hoistSecret, faults }
  const connection =
    named === null
      ? inlineConnection(known.connection, sorted.connection, options)
      : registeredConnection(known, sorted.connection, { datasource, named }, options)
  return checkOptions(known, connection, sorted.options, end.parameters.path, faults)
}

/** By its name, or the type of its datasource: a name that nobody knows does not hide what is wrong with the parameters. */
async function knownEnd(
  role: 'reader' | 'writer',
  end: ScriptEnd,
  datasource: Datasource | null,
  { catalogue }: Resolution,
  faults: Fault[],
): Promise<KnownEnd | null> {
  const named = end.name === null ? null : await catalogue.find(role, end.name)
  if (end.name !== null && named === null) faults.push(unknownEnd(role, end.name, end.namePath, catalogue))
  if (named !== null || datasource === null) return named
  const known = await catalogue.find(role, datasource.type)
  if (known === null && end.name === null) faults.push(unknownEnd(role, datasource.type, end.namePath, catalogue))
  return known
}

function unknownEnd(role: 'reader' | 'writer', name: string, path: Path, catalogue: Catalogue): Fault {
  const kinds = catalogue.known(role)
  const plain = name.toLowerCase().replace(/(reader|writer)$/, '')
  const isOther = new RegExp(`${role === 'reader' ? 'writer' : 'reader'}$`, 'i').test(name)
  const hint = isOther ? `; this is the place of a ${role}` : didYouMean(plain, kinds)
  return faultOf(path, name, `no ${role} has this name${hint}; there are ${kinds.join(', ')}`)
}

/** null: there is none of the name, or one that cannot be read, which has become a fault. */
async function datasourceAt(named: Member, resolution: Resolution, faults: Fault[]): Promise<Datasource | null> {
  const { value, path } = named
  if (typeof value !== 'string') {
    faults.push(faultOf(path, value, 'must be the name of a datasource', 'job/unknown-datasource'))
    return null
  }
  const found = await resolution
    .findDatasource(value)
    .catch((thrown: unknown) => brokenDatasource(thrown, path, faults))
  if (found === 'broken') return null
  for (const warning of found?.warnings ?? [])
    faults.push(warningAt(path, `names a datasource whose ${pathText(warning.path)} ${warning.message}`))
  if (found !== null) return found.datasource
  const hint =
    didYouMean(value, await resolution.datasourceNames()) || '; register it under datasources/ or pass --datasources'
  faults.push(faultAt(path, `no datasource is named ${shownValue([], value)}${hint}`, 'job/unknown-datasource'))
  return null
}

/** What is wrong with its definition is one fault of the job among others; not so a bucket that does not answer. */
function brokenDatasource(thrown: unknown, path: Path, faults: Fault[]): 'broken' {
  const isCode = (code: string): code is FaultCode => code.startsWith('job/')
  if (!(thrown instanceof TransferError) || !isCode(thrown.code)) throw thrown
  faults.push(faultAt(path, `names a datasource that cannot be used: ${thrown.message}`, thrown.code))
  return 'broken'
}

interface SortedMembers {
  readonly connection: ReadonlyMap<string, Member>
  readonly options: Map<string, Member>
}

/** All names that mean something among the parameters of an end. */
export function parameterNames({ connection, options, ignored }: KnownEnd): string[] {
  const optionKeys = optionNames(options).filter((name) => name !== 'connection')
  return [...connectionNames[connection], ...optionKeys, ...Object.keys(ignored)]
}

/** Parameters under the names of connection and connector; of the others, one warning each. */
function sortMembers(entries: ReadonlyMap<string, Member>, known: KnownEnd, faults: Fault[]): SortedMembers {
  const connectionKeys = connectionNames[known.connection]
  const names = parameterNames(known)
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
  { datasource, named }: { datasource: Datasource | null; named: Member },
  { faults }: InlineOptions,
): Connection | null {
  for (const [name, member] of members) refuseLooseSecret(name, member.value, member.path, faults)
  if (datasource === null) return null
  const connection = connectionOf(datasource)
  if (connection.kind !== known.connection) {
    const message = `is of type ${datasource.type}, but ${known.kind} needs a ${known.connection} connection`
    faults.push(faultAt(named.path, message))
    return null
  }
  refuseContradiction(connection, members, String(named.value), faults)
  return connection
}
