import { type Fault, faultAt, faultOf, type Path, warningAt } from './fault.ts'
import { isBlank, isScriptObject, type Member, type Members, membersAt, warnOfUnknown } from './members.ts'
import type { ScriptEnd, ScriptShape } from './script-shape.ts'

/** `extend` and `transform` are left by the wizard; `order` says again what the categories say (dataworks-datax.md §1.1). */
const rootNames = ['type', 'version', 'steps', 'order', 'setting', 'dataxSetting', 'extend', 'transform']
const stepNames = ['stepType', 'category', 'name', 'parameter', 'copies', 'gui', 'displayName', 'description']
/** Reader, writer and processor, and some room for a message that says which is too many. */
const maxSteps = 10
const categories = ['reader', 'writer', 'processor']

/** dataworks-datax.md §1.1 */
export function dataworksShape(script: unknown, path: Path, faults: Fault[]): ScriptShape | null {
  const { known, unknown } = membersAt(script, path, rootNames, faults)
  if (!checkType(known.get('type'), faults)) return null
  warnOfUnknown(unknown, rootNames, faults)
  checkVersion(known.get('version'), faults)
  const steps = known.get('steps') ?? { value: undefined, path: [...path, 'steps'] }
  const found = stepsOf(steps, faults)
  if (found === null) return null
  const reader = endOf('reader', found, steps.path, faults)
  const writer = endOf('writer', found, steps.path, faults)
  const setting = known.get('setting') ?? known.get('dataxSetting') ?? { value: undefined, path: [...path, 'setting'] }
  return reader && writer && { format: 'dataworks', reader, writer, setting, channelSpeed: null }
}

function checkType(given: Member | undefined, faults: Fault[]): boolean {
  const type = typeof given?.value === 'string' ? given.value.toLowerCase() : given?.value
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

interface Step {
  readonly category: string
  readonly members: Members['known']
  readonly path: Path
}

function stepsOf({ value, path }: Member, faults: Fault[]): Step[] | null {
  if (!Array.isArray(value)) {
    const missing = value === undefined ? 'is missing; it ' : ''
    faults.push(faultOf(path, value, `${missing}must be a list of a reader step and a writer step`))
    return null
  }
  if (value.length > maxSteps) {
    faults.push(faultAt(path, `must hold a reader and a writer, got ${value.length} steps`))
    return null
  }
  return value.map((item: unknown, index) => stepOf(item, [...path, index], faults)).filter((step) => step !== null)
}

function stepOf(item: unknown, path: Path, faults: Fault[]): Step | null {
  if (!isScriptObject(item)) {
    faults.push(faultOf(path, item, 'must be an object with stepType, category and parameter'))
    return null
  }
  const { known, unknown } = membersAt(item, path, stepNames, faults)
  warnOfUnknown(unknown, stepNames, faults)
  const given = known.get('category')
  const category = typeof given?.value === 'string' ? given.value.toLowerCase() : ''
  if (!categories.includes(category))
    faults.push(faultOf(given?.path ?? [...path, 'category'], given?.value, `must be one of ${categories.join(', ')}`))
  if (category === 'processor') refuseProcessor(known.get('parameter'), faults)
  return { category, members: known, path }
}

/** The wizard always leaves an empty processor step (dataworks-datax.md §1.1). */
function refuseProcessor(parameter: Member | undefined, faults: Fault[]): void {
  if (parameter === undefined || !isScriptObject(parameter.value) || isBlank(parameter.value.nodes)) return
  const reason =
    'processors are a later release; a database source can do it with SQL expressions in column or querySql'
  faults.push(faultAt([...parameter.path, 'nodes'], reason, 'job/unsupported'))
}

function endOf(category: 'reader' | 'writer', steps: readonly Step[], path: Path, faults: Fault[]): ScriptEnd | null {
  const [only, second] = steps.filter((step) => step.category === category)
  if (only === undefined || second !== undefined) {
    const count = only === undefined ? 'none' : 'more than one'
    faults.push(faultAt(second?.path ?? path, `steps must hold one step of category "${category}", got ${count}`))
    return null
  }
  const type = only.members.get('stepType')
  const parameters = only.members.get('parameter') ?? { value: undefined, path: [...only.path, 'parameter'] }
  const namePath = type?.path ?? [...only.path, 'stepType']
  if (isBlank(type?.value)) return { name: null, namePath, parameters }
  if (typeof type?.value === 'string') return { name: type.value.trim(), namePath, parameters }
  faults.push(faultOf(namePath, type?.value, `must be the type of a ${category}, such as "oss"`))
  return null
}
