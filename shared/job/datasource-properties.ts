import { type Fault, faultAt, faultOf, maxFaults, type Path, warningAt } from './fault.ts'
import { foldNames, isBlank, isScriptObject, type Member, type Members, membersAt } from './members.ts'
import { didYouMean } from './nearest-name.ts'
import { refuseLooseSecret } from './secret-reference.ts'

/** The properties of a datasource under our names, each knowing where the user wrote it. */
export type Properties = ReadonlyMap<string, Member>

const databaseNames = [
  ...['host', 'port', 'database', 'username', 'password', 'ssl', 'timeZone', 'zeroDateTimeBehavior'],
  'maxConnections',
]
const urlNames = ['url', 'jdbcUrl', 'address', 'properties', 'instanceId', 'instanceName', 'regionId']
const ossNames = ['endpoint', 'region', 'regionId', 'bucket', 'accessId', 'accessKey']

/**
 * What the console and the API of DataWorks write beside a connection (dataworks-datax.md §3.2; CreateDataSource). One bucket
 * is one environment, and the role is that of the function.
 */
const silent = [
  ...['name', 'description', 'envType', 'tag', 'configType', 'connectionPropertiesMode', 'authType', 'authIdentity'],
  ...['rdsOwnerId', 'ownerId', 'clusterId', 'crossAccountOwnerId', 'crossAccountRoleName'],
]
/** Settings of a driver that mean something here too; they are read from the address that is made of them. */
const heard =
  /^(ssl|sslmode|usessl|verifyservercertificate|servertimezone|connectiontimezone|zerodatetimebehavior|user)$/i

/**
 * The two forms of DataWorks (url mode with `address`, instance mode) and ours as one set of properties, whatever the case
 * of their names, with or without the wrapper of the API.
 * @returns null where there is nothing to read; a fault says why
 */
export function datasourceProperties(value: unknown, path: Path, faults: Fault[]): Properties | null {
  if (!isScriptObject(value)) {
    faults.push(faultOf(path, value, 'must be an object with a type and the properties of a connection'))
    return null
  }
  const all = [...new Set(['type', ...databaseNames, ...urlNames, ...ossNames, ...silent])]
  const outer = membersAt(value, path, [...all, 'connectionProperties'], faults)
  const given = merged(outer, innerOf(outer.known.get('connectionProperties'), all, faults))
  warnOfUnknown(given.unknown, all, faults)
  const type = plainText(given.known.get('type')?.value).toLowerCase()
  return type === 'oss' ? ossProperties(given.known, faults) : databaseProperties(type, given.known, path, faults)
}

/** The API takes them as an object, or as the text of one. */
function innerOf(member: Member | undefined, names: readonly string[], faults: Fault[]): Members {
  if (member === undefined || isBlank(member.value)) return { known: new Map(), unknown: new Map() }
  const { value, path } = member
  const object = typeof value === 'string' ? parsedOrNull(value) : value
  if (object === null) faults.push(faultAt(path, 'must be an object, or the text of one'))
  return object === null ? foldNames([], names, faults) : membersAt(object, path, names, faults)
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const merged = (outer: Members, inner: Members): Members => ({
  known: new Map([...outer.known, ...inner.known]),
  unknown: new Map([...outer.unknown, ...inner.unknown]),
})

function warnOfUnknown(unknown: ReadonlyMap<string, Member>, names: readonly string[], faults: Fault[]): void {
  for (const [name, { value, path }] of unknown) {
    refuseLooseSecret(name, value, path, faults)
    if (faults.length < maxFaults)
      faults.push(warningAt(path, `is not known here and has no effect${didYouMean(name, names)}`))
  }
}

/** Of an object nothing, also of one whose `toString` is data: what comes with an event was read by nobody before. */
const plainText = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''

/** Empty values are what forms leave behind. */
function picked(known: Properties, names: readonly string[], faults: Fault[]): Map<string, Member> {
  const kept = new Map<string, Member>()
  for (const [name, member] of known) {
    if (silent.includes(name) || name === 'connectionProperties' || isBlank(member.value)) continue
    if (name === 'type' || names.includes(name)) kept.set(name, member)
    else faults.push(warningAt(member.path, 'has no effect for a datasource of this type'))
  }
  return kept
}

function ossProperties(known: Properties, faults: Fault[]): Properties {
  const kept = picked(known, ossNames, faults)
  const region = kept.get('region') ?? kept.get('regionId')
  kept.delete('regionId')
  return region === undefined ? kept : kept.set('region', region)
}

function databaseProperties(type: string, known: Properties, path: Path, faults: Fault[]): Properties {
  const kept = picked(known, [...databaseNames, ...urlNames], faults)
  const instance = kept.get('instanceId') ?? kept.get('instanceName')
  const address = addressOf(kept, faults)
  const properties = kept.get('properties')
  for (const name of ['address', 'properties', 'instanceId', 'instanceName', 'regionId']) kept.delete(name)
  const isPlaced = ['url', 'jdbcUrl', 'host'].some((name) => kept.has(name)) || address !== null
  if (!isPlaced && instance !== undefined) faults.push(instanceFault(instance))
  for (const [name, member] of address ?? []) kept.set(name, member)
  if (properties !== undefined) return withDriverSettings(type, kept, properties, faults)
  return !isPlaced && instance === undefined ? missingHost(kept, path) : kept
}

/** So that the fault is told as one of `host`, which every datasource has, and not of a form that nobody chose. */
const missingHost = (kept: Map<string, Member>, path: Path) =>
  kept.set('host', { value: undefined, path: [...path, 'host'] })

const instanceFault = ({ path }: Member): Fault =>
  faultAt(
    path,
    'names an instance, whose address only its console knows; give host and port of its VPC address beside it',
    'job/unsupported',
  )

/** `[{host, port}]`, exactly one; old exports have `["host:port"]`, and either as a text. */
function addressOf(kept: Properties, faults: Fault[]): Map<string, Member> | null {
  const member = kept.get('address')
  if (member === undefined) return null
  const { value, path } = member
  const list = typeof value === 'string' ? (parsedOrNull(value) ?? [value]) : value
  const entries: readonly unknown[] = Array.isArray(list) ? list : [list]
  if (entries.length > 1) {
    faults.push(
      faultAt(path, `must hold one host and port, got ${entries.length}: which of them is meant would be a guess`),
    )
    return new Map()
  }
  const [first] = entries
  const at = Array.isArray(value) ? [...path, 0] : path
  const parts = typeof first === 'string' ? partsOf(first) : first
  const { known } = membersAt(parts, at, ['host', 'port'], faults)
  return new Map([...known])
}

function partsOf(text: string): unknown {
  const [, host, port] = /^(.+?)(?::(\d+))?$/.exec(text.trim()) ?? []
  return port === undefined ? { host } : { host, port }
}

/** An address of JDBC is made of them: how it is read is known in one place. */
function withDriverSettings(type: string, kept: Map<string, Member>, properties: Member, faults: Fault[]): Properties {
  const { value, path } = properties
  const settings = typeof value === 'string' ? parsedOrNull(value) : value
  if (!isScriptObject(settings)) {
    faults.push(faultOf(path, value, 'must be an object of driver settings'))
    return kept
  }
  const query = new URLSearchParams()
  for (const [name, setting] of Object.entries(settings)) {
    refuseLooseSecret(name, setting, [...path, name], faults)
    if (heard.test(name)) query.set(name, plainText(setting))
    else faults.push(warningAt([...path, name], 'is a setting of the JDBC driver and has no effect'))
  }
  const [host = '', port = '', database = ''] = ['host', 'port', 'database'].map((name) =>
    plainText(kept.get(name)?.value),
  )
  if (query.size === 0 || isBlank(host) || isBlank(database)) return kept
  const scheme = /mysql|mariadb|polardb/.test(type) ? 'mysql' : 'postgresql'
  const shown = host.includes(':') ? `[${host}]` : host
  const url = `jdbc:${scheme}://${shown}${isBlank(port) ? '' : `:${port}`}/${encodeURIComponent(database)}?${query}`
  for (const name of ['host', 'port', 'database']) kept.delete(name)
  return kept.set('jdbcUrl', { value: url, path })
}
