import { asDataworksSetting, asDataxSetting } from './convert-settings.ts'
import { onlyOurs, processorOf, withTransformers } from './convert-transformers.ts'
import type { JobDocument } from './document.ts'
import { endParameters } from './end-parameters.ts'
import { type Fault, faultAt, faultOf, faultsError, isError, type Path, pathText, warningAt } from './fault.ts'
import {
  foldNames,
  isBlank,
  isScriptObject,
  type Member,
  membersAt,
  type ScriptObject,
  warnOfUnknown,
} from './members.ts'
import type { ParsedDocument } from './parse-document.ts'
import { type Catalogue, type FoundDatasource, parameterNames } from './resolve-job.ts'
import { type ScriptEnd, type ScriptShape, shapeOf } from './script-shape.ts'
import { settingsOf } from './settings.ts'
import { asTransformers, transformOf } from './transformers.ts'

export const scriptForms = ['datax', 'dataworks', 'job'] as const
export type ScriptForm = (typeof scriptForms)[number]

export interface Conversion {
  readonly script: unknown
  /** What has no place in the other form, or is there by our word alone: a warning each, at its place in the text. */
  readonly remarks: readonly Fault[]
}

/** What types of ends are called, and which type a datasource has. */
export interface Names {
  readonly catalogue: Catalogue
  readonly findDatasource: (name: string) => Promise<FoundDatasource | null>
}

/**
 * DataX ⇄ DataWorks ⇄ our job document, so that the job stays the same: by the rules of Alibaba's own converter
 * (dataworks-datax.md §1.2) where they lose nothing. Parameters of reader and writer are taken as they are.
 * @param to null: DataWorks for a DataX script, DataX for any other
 * @throws job/invalid with a line per fault, job/unknown-datasource where only a datasource would tell the type of an end
 */
export async function convertScript(parsed: ParsedDocument, to: ScriptForm | null, names: Names): Promise<Conversion> {
  const { document, scriptPath, place, warnings } = parsed
  const faults: Fault[] = [...warnings]
  const shape = shapeOf(document.script, scriptPath, faults)
  if (shape !== null) await tellUnknown(shape, names, faults)
  if (to === 'job') return { script: withoutDefaults(document), remarks: faults.filter(isWarning).map(place) }
  if (shape === null || faults.some(isError)) throw faultsError(faults.map(place))
  const form = to ?? (shape.format === 'datax' ? 'dataworks' : 'datax')
  const remarks: Fault[] = []
  const script =
    form === shape.format
      ? withTransformers(document, form, remarks)
      : await converted(shape, form, { document, names, remarks, scriptPath })
  tellWrapper(parsed, form, remarks)
  // What the conversion says of a place tells more than the reading of it.
  const said = new Set(remarks.map(({ path }) => pathText(path)))
  const all = [...faults.filter(({ path }) => !said.has(pathText(path))), ...remarks].map(place)
  if (remarks.some(isError)) throw faultsError(all)
  return { script, remarks: all }
}

const isWarning = (fault: Fault) => !isError(fault)

/** Names that mean nothing here go along as they are; their author is told all the same. */
async function tellUnknown(shape: ScriptShape, { catalogue, findDatasource }: Names, faults: Fault[]): Promise<void> {
  const ofSettings: Fault[] = []
  settingsOf(shape, ofSettings)
  // What a parameter will give is not at hand, so that errors of settings are for a run to tell.
  faults.push(...ofSettings.filter(isWarning))
  for (const role of ['reader', 'writer'] as const) {
    const end = shape[role]
    const { entries, datasource } = endParameters(end.parameters, [])
    const name = end.name ?? (await typeOf(datasource, findDatasource))
    const known = name === null ? null : await catalogue.find(role, name)
    if (known === null) continue
    const names = parameterNames(known)
    warnOfUnknown(foldNames(entries, names, []).unknown, names, faults)
  }
}

/** A document says nothing of what it leaves to its defaults. */
function withoutDefaults({ parameters, triggers, ...document }: JobDocument): unknown {
  return {
    ...document,
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    ...(triggers.length === 0 ? {} : { triggers }),
  }
}

interface Work {
  readonly document: JobDocument
  readonly names: Names
  readonly remarks: Fault[]
  readonly scriptPath: Path
}

async function converted(shape: ScriptShape, form: 'datax' | 'dataworks', work: Work): Promise<unknown> {
  const root = membersAt(work.document.script, work.scriptPath, rootNames, []).known
  const transformer = asTransformers(transformOf(work.document.transform, shape.transformers, work.remarks))
  const reader = await endOf('reader', shape.reader, form, work)
  const writer = await endOf('writer', shape.writer, form, work)
  if (form === 'dataworks') {
    tellDatax(root, work.remarks)
    const setting = asDataworksSetting(shape, root.get('common')?.value, work.remarks)
    if (transformer.length > 0) work.remarks.push(warningAt(shape.transformers?.path ?? ['transform'], onlyOurs))
    const steps = [
      { stepType: reader.name, parameter: reader.parameter, name: 'Reader', category: 'reader' },
      { stepType: writer.name, parameter: writer.parameter, name: 'Writer', category: 'writer' },
      ...(transformer.length === 0 ? [] : [processorOf(transformer)]),
    ]
    return { type: 'job', version: '2.0', steps, setting, order: { hops: [{ from: 'Reader', to: 'Writer' }] } }
  }
  tellDataworks(root, work.remarks)
  const { setting, ...others } = asDataxSetting(shape, work.remarks)
  const content = { reader, writer, ...(transformer.length === 0 ? {} : { transformer }) }
  return { job: { content: [content], setting }, ...others }
}

const objectOf = ({ value }: Member): ScriptObject => (isScriptObject(value) ? value : {})

/** `oss` and `ossreader` are the same; names that we do not know lose or gain their role. */
async function endOf(role: 'reader' | 'writer', end: ScriptEnd, form: 'datax' | 'dataworks', work: Work) {
  const { datasource } = endParameters(end.parameters, [])
  const name = end.name ?? (await typeOf(datasource, work.names.findDatasource))
  const known = name === null ? null : await work.names.catalogue.find(role, name)
  const plain = known?.kind ?? (name ?? '').replace(new RegExp(`${role}$`, 'i'), '')
  if (name === null) work.remarks.push(unnamed(role, end, datasource))
  if (form === 'datax' && datasource !== null)
    work.remarks.push(
      warningAt(
        datasource.path,
        'is read by adbpg-sync; DataX knows no datasources and wants the connection written out',
      ),
    )
  return { name: form === 'datax' ? `${plain}${role}` : plain, parameter: objectOf(end.parameters) }
}

async function typeOf(datasource: Member | null, find: Names['findDatasource']): Promise<string | null> {
  if (datasource === null || typeof datasource.value !== 'string') return null
  return (await find(datasource.value))?.datasource.type ?? null
}

function unnamed(role: string, { namePath }: ScriptEnd, datasource: Member | null): Fault {
  if (datasource === null) return faultAt(namePath, `is missing; name a ${role}, or a datasource that tells its type`)
  const reason = `is not known here, and stepType is missing: give the type of the ${role}, or the datasource with --datasources`
  return faultOf(datasource.path, datasource.value, reason, 'job/unknown-datasource')
}

// --- what has no place in the other form -----------------------------------------------------------------------------

const rootNames = [
  'job',
  'core',
  'common',
  'entry',
  'plugin',
  'steps',
  'configuration',
  'extend',
  'transform',
  'traceId',
]

const isMeant = (member: Member | undefined): member is Member =>
  member !== undefined && !isBlank(member.value) && member.value !== false

const onlyMember = (value: unknown, name: string) =>
  isScriptObject(value) && Object.keys(value).length === 1 ? value[name] : undefined

/** `core.transport.channel.speed` has become the cap of the job. */
const isSpeedAlone = (core: unknown): boolean =>
  onlyMember(onlyMember(onlyMember(core, 'transport'), 'channel'), 'speed') !== undefined

function tellDatax(root: ReadonlyMap<string, Member>, remarks: Fault[]): void {
  for (const name of ['core', 'entry', 'plugin']) {
    const given = root.get(name)
    if (isMeant(given) && !(name === 'core' && isSpeedAlone(given.value)))
      remarks.push(warningAt(given.path, 'tunes the engine of DataX and has no place in a DataWorks script'))
  }
}

function tellDataworks(root: ReadonlyMap<string, Member>, remarks: Fault[]): void {
  for (const name of ['extend', 'transform', 'traceId']) {
    const given = root.get(name)
    if (isMeant(given)) remarks.push(warningAt(given.path, 'belongs to the console and has no place in a DataX job'))
  }
  const steps = root.get('steps')
  for (const [index, step] of (Array.isArray(steps?.value) ? steps.value : []).entries()) {
    const { known } = membersAt(step, [...(steps?.path ?? []), index], ['description', 'displayName', 'gui'], [])
    for (const member of known.values())
      if (isMeant(member)) remarks.push(warningAt(member.path, 'is of a step and has no place in a DataX job'))
  }
}

/** A bare script has no place for what stands around it. */
function tellWrapper({ document, scriptPath }: ParsedDocument, form: 'datax' | 'dataworks', remarks: Fault[]): void {
  if (scriptPath.length === 0) return
  const isDatax = form === 'datax'
  const { description, parameters, triggers, mapping } = document
  const say = (name: string, where: string) =>
    remarks.push(warningAt([name], `has no place in a bare script; ${where}`))
  if (description !== undefined) say('description', 'it is left out')
  if (Object.keys(parameters).length > 0)
    say('parameters', isDatax ? 'pass them with -p "-Dname=value"' : 'give them in the parameter line of the node')
  if (mapping !== undefined) say('mapping', 'list the columns of reader and writer in the same order')
  if (triggers.length > 0)
    say('triggers', isDatax ? 'DataX is started by others' : 'set them in the schedule panel of the node')
}

export const scriptFormOf = (given: string): ScriptForm | null =>
  scriptForms.find((one) => one === given.toLowerCase()) ?? null
