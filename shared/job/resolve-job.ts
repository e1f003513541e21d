import type * as z from 'zod'
import { type Connection, connectionOf, type Datasource } from './datasource.ts'
import type { JobDocument, JobEnd, JobSpec } from './document.ts'
import { type Fault, faultAt, faultsError, type Path, shownValue } from './fault.ts'
import { type HoistSecret, type Parameters, takeConnection } from './inline-connection.ts'
import { fillParameters } from './parameters.ts'
import { type ScriptEnd, shapeOf } from './script-shape.ts'
import { settingsOf } from './settings.ts'

/** What the parser asks of a connector, and nothing more. */
export interface KnownEnd {
  readonly kind: string
  readonly connection: Connection['kind']
  readonly ignored: Readonly<Record<string, string>>
  readonly options: z.ZodType
}

export interface Catalogue {
  /** By plugin name, step type or datasource type, in any case; null when there is none. */
  find(role: 'reader' | 'writer', name: string): Promise<KnownEnd | null>
  known(role: 'reader' | 'writer'): readonly string[]
}

export interface Resolution {
  readonly catalogue: Catalogue
  readonly parameters: Readonly<Record<string, string>>
  readonly findDatasource: (name: string) => Promise<Datasource | null>
  readonly hoistSecret: HoistSecret | null
  /** Adds line and column where the text is at hand. */
  readonly place: (fault: Fault) => Fault
}

/**
 * Makes of a job document what a run needs: parameters filled in, connections looked up, options checked by the
 * connectors themselves. One pass, all faults.
 * @throws job/invalid with a line per fault: path, value, what is allowed
 */
export async function resolveJob(document: JobDocument, scriptPath: Path, resolution: Resolution): Promise<JobSpec> {
  const faults: Fault[] = []
  const warnings: string[] = []
  const filled = fillParameters(document.script, resolution.parameters, scriptPath, faults)
  const shape = shapeOf(filled, scriptPath, faults)
  if (shape === null) throw faultsError(faults.map(resolution.place))
  const reader = await resolveEnd('reader', shape.reader, resolution, faults, warnings)
  const writer = await resolveEnd('writer', shape.writer, resolution, faults, warnings)
  const settings = settingsOf(shape.setting, shape.settingPath, faults)
  if (faults.length > 0 || reader === null || writer === null) throw faultsError(faults.map(resolution.place))
  return { name: document.name, reader, writer, settings, warnings }
}

async function resolveEnd(
  role: 'reader' | 'writer',
  end: ScriptEnd,
  resolution: Resolution,
  faults: Fault[],
  warnings: string[],
): Promise<JobEnd | null> {
  const datasource = await datasourceOf(end, resolution, faults)
  if (datasource === undefined) return null
  const name = end.name ?? datasource?.type ?? null
  const known = name === null ? null : await resolution.catalogue.find(role, name)
  if (known === null) {
    const kinds = resolution.catalogue.known(role).join(', ')
    faults.push(
      faultAt(
        end.path.slice(0, -1),
        `there is no ${role} ${name === null ? 'without a stepType or datasource' : shownValue([], name)}; there are ${kinds}`,
      ),
    )
    return null
  }
  const { connection, parameters } = connect(known, end, datasource, resolution, faults)
  if (connection === null) return null
  return optionsOf(known, { ...parameters, connection }, end, faults, warnings)
}

/** undefined: a datasource is named but not known, which has become a fault. null: none is named. */
async function datasourceOf(
  end: ScriptEnd,
  { findDatasource }: Resolution,
  faults: Fault[],
): Promise<Datasource | null | undefined> {
  const inner: unknown = Array.isArray(end.parameters.connection) ? end.parameters.connection[0] : undefined
  const named =
    end.parameters.datasource ??
    (typeof inner === 'object' && inner !== null && 'datasource' in inner ? inner.datasource : undefined)
  if (named === undefined) return null
  const found = typeof named === 'string' ? await findDatasource(named) : null
  if (found !== null) return found
  faults.push(
    faultAt(
      [...end.path, 'datasource'],
      `no datasource is named ${shownValue([], named)}; register it under datasources/ or pass --datasources`,
    ),
  )
  return undefined
}

function connect(
  known: KnownEnd,
  end: ScriptEnd,
  datasource: Datasource | null,
  resolution: Resolution,
  faults: Fault[],
) {
  if (datasource === null) {
    const options = { path: end.path, hoistSecret: resolution.hoistSecret, faults }
    return takeConnection(known.connection, end.parameters, options)
  }
  const connection = connectionOf(datasource)
  if (connection.kind !== known.connection) {
    faults.push(
      faultAt(
        [...end.path, 'datasource'],
        `is of type ${datasource.type}, but ${known.kind} needs a ${known.connection} connection`,
      ),
    )
    return { connection: null, parameters: {} }
  }
  const { datasource: _named, connection: inner, ...rest } = end.parameters
  const moved = Array.isArray(inner) && typeof inner[0] === 'object' ? withoutDatasource(inner[0] as Parameters) : {}
  return { connection, parameters: { ...moved, ...rest } }
}

/** Scripts of DataWorks may hold table and querySql in `connection[0]`, the latter in lower case too. */
function withoutDatasource({ datasource: _named, querysql, ...rest }: Parameters): Parameters {
  return querysql === undefined ? rest : { querySql: querysql, ...rest }
}

function optionsOf(
  known: KnownEnd,
  parameters: Parameters,
  end: ScriptEnd,
  faults: Fault[],
  warnings: string[],
): JobEnd | null {
  for (const name of Object.keys(parameters)) {
    const reason = Object.hasOwn(known.ignored, name) ? known.ignored[name] : undefined
    if (reason !== undefined) warnings.push(`${[...end.path.slice(-2), name].join('.')} has no effect: ${reason}`)
  }
  const parsed = known.options.safeParse(parameters)
  if (parsed.success) return { kind: known.kind, options: parsed.data }
  for (const issue of parsed.error.issues) faults.push(...faultsOf(issue, end, parameters))
  return null
}

function faultsOf(issue: z.core.$ZodIssue, end: ScriptEnd, parameters: Parameters): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => faultAt([...end.path, key], 'is not known here; check the spelling or remove it'))
  }
  const path = [...end.path, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))]
  const value = issue.path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined),
    parameters,
  )
  const got = value === undefined ? '' : `, got ${shownValue(path, value)}`
  return [faultAt(path, `${issue.message}${got}`)]
}
