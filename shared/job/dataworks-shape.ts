import { checkOrder, endOfOrder } from './dataworks-order.ts'
import { type Fault, faultAt, faultOf, type Path, warningAt } from './fault.ts'
import { isBlank, isScriptObject, type Member, type Members, membersAt, warnOfUnknown } from './members.ts'
import type { ScriptEnd, ScriptShape } from './script-shape.ts'

/** `extend`, `transform` and the rest are left by the wizard and by older consoles (dataworks-datax.md §1.1). */
const rootNames = [
  '$schema',
  'type',
  'version',
  'steps',
  'order',
  'setting',
  'dataxSetting',
  'configuration',
  'extend',
  'transform',
  'traceId',
]
const stepNames = ['stepType', 'category', 'name', 'parameter', 'copies', 'gui', 'displayName', 'description']
/** The console wrote `settting` in its own template (help page 49808, 2018). */
const configurationNames = ['reader', 'writer', 'setting', 'settting']
const endNames = ['plugin', 'parameter']
/** The wizard writes all but the last. */
const processorNames = ['nodes', 'edges', 'groups', 'version', 'transformer']
/** Reader, writer and processor, and some room for a message that says which is too many. */
const maxSteps = 10
const categories = ['reader', 'writer', 'processor']

/** dataworks-datax.md §1.1, and the form of version 1.0 that the reference of steps replaced: `configuration: {reader, writer, setting}`. */
export function dataworksShape(script: unknown, path: Path, faults: Fault[]): ScriptShape | null {
  const { known, unknown } = membersAt(script, path, rootNames, faults)
  if (!checkType(known.get('type'), faults)) return null
  warnOfUnknown(unknown, rootNames, faults)
  checkVersion(known.get('version'), faults)
  const configuration = known.get('configuration')
  if (configuration !== undefined && !known.has('steps'))
    return shapeOfConfiguration(known, configuration, path, faults)
  if (configuration !== undefined)
    faults.push(faultAt(configuration.path, 'stands beside steps; keep one of the two forms of a script'))
  const steps = known.get('steps') ?? { value: undefined, path: [...path, 'steps'] }
  const found = stepsOf(steps, known.get('order'), faults)
  if (found === null) return null
  const reader = endOf('reader', found, steps.path, faults)
  const writer = endOf('writer', found, steps.path, faults)
  checkOrder(known.get('order'), found, faults)
  const setting = settingOf(known, path, faults)
  const transformers = transformersOf(found, faults)
  return reader && writer && { format: 'dataworks', reader, writer, transformers, setting, channelSpeed: null }
}

function shapeOfConfiguration(
  root: Members['known'],
  { value, path: at }: Member,
  path: Path,
  faults: Fault[],
): ScriptShape | null {
  const { known, unknown } = membersAt(value, at, configurationNames, faults)
  warnOfUnknown(unknown, configurationNames, faults)
  const reader = endOfConfiguration(
    'reader',
    known.get('reader') ?? { value: undefined, path: [...at, 'reader'] },
    faults,
  )
  const writer = endOfConfiguration(
    'writer',
    known.get('writer') ?? { value: undefined, path: [...at, 'writer'] },
    faults,
  )
  const given = known.get('setting') ?? known.get('settting')
  const setting = given === undefined ? settingOf(root, path, faults) : given
  return reader && writer && { format: 'dataworks', reader, writer, transformers: null, setting, channelSpeed: null }
}

function endOfConfiguration(role: 'reader' | 'writer', { value, path }: Member, faults: Fault[]): ScriptEnd | null {
  if (!isScriptObject(value)) {
    const missing = value === undefined ? 'is missing; it ' : ''
    faults.push(faultOf(path, value, `${missing}must be an object with plugin and parameter`))
    return null
  }
  const { known, unknown } = membersAt(value, path, endNames, faults)
  warnOfUnknown(unknown, endNames, faults)
  return namedEnd(role, known.get('plugin'), [...path, 'plugin'], known.get('parameter'), path, faults)
}

/** `dataxSetting` is another name that Alibaba's own model takes, in the place of `setting` or within it. */
function settingOf(known: Members['known'], path: Path, faults: Fault[]): Member {
  const [setting, other] = [known.get('setting'), known.get('dataxSetting')].filter((member) => !isBlank(member?.value))
  if (setting === undefined) return known.get('setting') ?? { value: undefined, path: [...path, 'setting'] }
  if (other !== undefined) faults.push(faultAt(other.path, 'stands beside setting; keep one of the two'))
  const inner = isScriptObject(setting.value) ? Object.entries(setting.value) : []
  const [[name, value] = []] = inner
  if (inner.length !== 1 || name?.toLowerCase() !== 'dataxsetting') return setting
  return { value, path: [...setting.path, name] }
}

function checkType(given: Member | undefined, faults: Fault[]): boolean {
  const type = typeof given?.value === 'string' ? given.value.trim().toLowerCase() : given?.value
  if (given === undefined || isBlank(type) || type === 'job') return true
  const isRealTime = type === 'realtime'
  const reason = isRealTime ? 'real-time synchronisation is out of scope; only "job" is' : 'must be "job"'
  faults.push(faultOf(given.path, given.value, reason, isRealTime ? 'job/unsupported' : 'job/invalid'))
  return false
}

function checkVersion(given: Member | undefined, faults: Fault[]): void {
  if (given === undefined || isBlank(given.value) || ['1.0', '2.0', '1', '2'].includes(String(given.value))) return
  faults.push(warningAt(given.path, 'is not a version we know; the script is read as 2.0'))
}

export interface Step {
  readonly category: string
  readonly members: Members['known']
  readonly path: Path
}

function stepsOf({ value, path }: Member, order: Member | undefined, faults: Fault[]): Step[] | null {
  if (!Array.isArray(value)) {
    const missing = value === undefined ? 'is missing; it ' : ''
    faults.push(faultOf(path, value, `${missing}must be a list of a reader step and a writer step`))
    return null
  }
  if (value.length > maxSteps) {
    faults.push(faultAt(path, `must hold a reader and a writer, got ${value.length} steps`))
    return null
  }
  return value
    .map((item: unknown, index) => stepOf(item, [...path, index], order, faults))
    .filter((step) => step !== null)
}

function stepOf(item: unknown, path: Path, order: Member | undefined, faults: Fault[]): Step | null {
  if (!isScriptObject(item)) {
    faults.push(faultOf(path, item, 'must be an object with stepType, category and parameter'))
    return null
  }
  const { known, unknown } = membersAt(item, path, stepNames, faults)
  warnOfUnknown(unknown, stepNames, faults)
  const category = categoryOf(known, path, order, faults)
  if (category === 'processor') refuseProcessor(known.get('parameter'), faults)
  return { category, members: known, path }
}

/** A step without one is what its name or the order says it is. */
function categoryOf(known: Members['known'], path: Path, order: Member | undefined, faults: Fault[]): string {
  const given = known.get('category')
  const category = typeof given?.value === 'string' ? given.value.trim().toLowerCase() : ''
  if (categories.includes(category)) return category
  const name = known.get('name')?.value
  const meant = isBlank(given?.value) && typeof name === 'string' ? (endOfOrder(order, name) ?? name.toLowerCase()) : ''
  const at = given?.path ?? [...path, 'category']
  if (!categories.includes(meant)) {
    faults.push(faultOf(at, given?.value, `must be one of ${categories.join(', ')}`))
    return ''
  }
  faults.push(warningAt(at, `is missing; the step is read as a ${meant}, as its name says`))
  return meant
}

/** The wizard always leaves an empty processor step (dataworks-datax.md §1.1). */
function refuseProcessor(parameter: Member | undefined, faults: Fault[]): void {
  if (parameter === undefined || !isScriptObject(parameter.value) || isBlank(parameter.value.nodes)) return
  const reason =
    'processors are a later release; a database source can do it with SQL expressions in column or querySql'
  faults.push(faultAt([...parameter.path, 'nodes'], reason, 'job/unsupported'))
}

/** The list `transformer` of a processor step: our own form, so that a DataX job can be said in the words of DataWorks. */
function transformersOf(steps: readonly Step[], faults: Fault[]): Member | null {
  const [only, second] = steps.flatMap(({ category, members }) => {
    const parameter = category === 'processor' ? members.get('parameter') : undefined
    const inner = parameter && membersAt(parameter.value, parameter.path, processorNames, [])
    if (inner !== undefined) warnOfUnknown(inner.unknown, processorNames, faults)
    const found = inner?.known.get('transformer')
    return found === undefined || isBlank(found.value) ? [] : [found]
  })
  if (second !== undefined) faults.push(faultAt(second.path, 'is a second list of transformers; join the two'))
  return only ?? null
}

function endOf(category: 'reader' | 'writer', steps: readonly Step[], path: Path, faults: Fault[]): ScriptEnd | null {
  const [only, second] = steps.filter((step) => step.category === category)
  if (only === undefined || second !== undefined) {
    const count = only === undefined ? 'none' : 'more than one'
    faults.push(faultAt(second?.path ?? path, `steps must hold one step of category "${category}", got ${count}`))
    return null
  }
  const { members, path: at } = only
  return namedEnd(category, members.get('stepType'), [...at, 'stepType'], members.get('parameter'), at, faults)
}

/** Some official samples leave the type to the datasource (dataworks-datax.md §1.1). */
function namedEnd(
  role: 'reader' | 'writer',
  type: Member | undefined,
  typePath: Path,
  parameter: Member | undefined,
  path: Path,
  faults: Fault[],
): ScriptEnd | null {
  const parameters = parameter ?? { value: undefined, path: [...path, 'parameter'] }
  const namePath = type?.path ?? typePath
  if (isBlank(type?.value)) return { name: null, namePath, parameters }
  if (typeof type?.value === 'string') return { name: type.value.trim(), namePath, parameters }
  faults.push(faultOf(namePath, type?.value, `must be the type of a ${role}, such as "oss"`))
  return null
}
