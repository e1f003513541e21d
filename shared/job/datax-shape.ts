import { type Fault, faultAt, faultOf, type Path, warningAt } from './fault.ts'
import { isBlank, isScriptObject, type Member, membersAt, warnOfUnknown } from './members.ts'
import type { ScriptEnd, ScriptShape } from './script-shape.ts'

/** An editor is told its schema by `$schema`. */
const rootNames = ['$schema', 'job', 'core', 'common', 'entry', 'plugin']
const jobNames = ['content', 'setting', 'preHandler', 'postHandler']
const contentNames = ['reader', 'writer', 'transformer']
const endNames = ['name', 'parameter']

/** dataworks-datax.md §2.1 */
export function dataxShape(script: unknown, path: Path, faults: Fault[]): ScriptShape | null {
  const root = membersAt(script, path, rootNames, faults)
  warnOfUnknown(root.unknown, rootNames, faults)
  const core = root.known.get('core')
  const channelSpeed = channelSpeedOf(core)
  if (channelSpeed === null) tellEngineTuning(core, faults)
  for (const name of ['common', 'entry', 'plugin']) tellEngineTuning(root.known.get(name), faults)
  const at = root.known.get('job')?.path ?? [...path, 'job']
  const job = membersAt(root.known.get('job')?.value, at, jobNames, faults)
  warnOfUnknown(job.unknown, jobNames, faults)
  for (const name of ['preHandler', 'postHandler']) refuseHandler(job.known.get(name), faults)
  const content = contentOf(job.known.get('content') ?? { value: undefined, path: [...at, 'content'] }, faults)
  if (content === null) return null
  const { known, unknown } = membersAt(content.value, content.path, contentNames, faults)
  warnOfUnknown(unknown, contentNames, faults)
  const reader = endOf('reader', known.get('reader') ?? { value: undefined, path: [...content.path, 'reader'] }, faults)
  const writer = endOf('writer', known.get('writer') ?? { value: undefined, path: [...content.path, 'writer'] }, faults)
  const setting = job.known.get('setting') ?? { value: undefined, path: [...at, 'setting'] }
  const transformers = known.get('transformer') ?? null
  return reader && writer && { format: 'datax', reader, writer, transformers, setting, channelSpeed }
}

function contentOf({ value, path }: Member, faults: Fault[]): Member | null {
  const first: Member = Array.isArray(value) ? { value: value[0], path: [...path, 0] } : { value, path }
  if (Array.isArray(value) && value.length > 1)
    faults.push(faultAt([...path, 1], `content must hold one element, got ${value.length}: DataX runs only the first`))
  if (isScriptObject(first.value)) return first
  faults.push(
    faultOf(path, value, `${value === undefined ? 'is missing; it ' : ''}must be a list with one reader and writer`),
  )
  return null
}

function endOf(role: 'reader' | 'writer', { value, path }: Member, faults: Fault[]): ScriptEnd | null {
  if (!isScriptObject(value)) {
    const wanted = `must be an object with name and parameter, such as {"name": "oss${role}", "parameter": {…}}`
    faults.push(faultOf(path, value, `${value === undefined ? 'is missing; it ' : ''}${wanted}`))
    return null
  }
  const { known, unknown } = membersAt(value, path, endNames, faults)
  warnOfUnknown(unknown, endNames, faults)
  const { value: name, path: namePath } = known.get('name') ?? { value: undefined, path: [...path, 'name'] }
  const parameters = known.get('parameter') ?? { value: undefined, path: [...path, 'parameter'] }
  if (typeof name === 'string' && name.trim() !== '') return { name: name.trim(), namePath, parameters }
  faults.push(faultOf(namePath, name, `must be the name of a plugin, such as "oss${role}"`))
  return null
}

function refuseHandler(given: Member | undefined, faults: Fault[]): void {
  if (given === undefined || isBlank(given.value)) return
  faults.push(
    faultAt(given.path, 'handlers of DataX are Java plugins and cannot run here; remove it', 'job/unsupported'),
  )
}

/** Parts of DataX's own configuration may stand in a job file; of these only the speed of a channel means something here. */
function channelSpeedOf(core: Member | undefined): Member | null {
  if (core === undefined || isBlank(core.value)) return null
  const names = ['transport', 'channel', 'speed']
  const value = names.reduce<unknown>((inner, name) => (isScriptObject(inner) ? inner[name] : undefined), core.value)
  return isScriptObject(value) ? { value, path: [...core.path, ...names] } : null
}

function tellEngineTuning(given: Member | undefined, faults: Fault[]): void {
  if (given === undefined || isBlank(given.value)) return
  faults.push(warningAt(given.path, 'has no effect: it tunes the engine of DataX'))
}
