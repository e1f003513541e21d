import { type Fault, faultAt, type Path, shownValue } from './fault.ts'
import type { Parameters } from './inline-connection.ts'

export interface ScriptEnd {
  /** Plugin name or step type; null when only the datasource tells. */
  readonly name: string | null
  readonly parameters: Parameters
  readonly path: Path
}

/** What DataX and DataWorks scripts have in common. */
export interface ScriptShape {
  readonly format: 'datax' | 'dataworks'
  readonly reader: ScriptEnd
  readonly writer: ScriptEnd
  readonly setting: Parameters
  readonly settingPath: Path
}

const isRecord = (value: unknown): value is Parameters =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const recordOf = (value: unknown): Parameters => (isRecord(value) ? value : {})

/** Tells the two formats apart and finds reader, writer and settings in either. null: faults say why. */
export function shapeOf(script: unknown, path: Path, faults: Fault[]): ScriptShape | null {
  if (!isRecord(script)) {
    faults.push(
      faultAt(
        path,
        `must be a DataX job {"job": …} or a DataWorks script {"type": "job", "steps": …}, got ${shownValue(path, script)}`,
      ),
    )
    return null
  }
  if (isRecord(script.job)) return dataxShape(script.job, [...path, 'job'], faults)
  if (script.steps !== undefined || script.type !== undefined) return dataworksShape(script, path, faults)
  const keys = Object.keys(script).slice(0, 5).join(', ')
  faults.push(faultAt(path, `has neither "job" (DataX) nor "steps" (DataWorks); it has ${keys || 'nothing'}`))
  return null
}

function dataxShape(job: Parameters, path: Path, faults: Fault[]): ScriptShape | null {
  const content: unknown = Array.isArray(job.content) ? job.content[0] : job.content
  const at = [...path, 'content', 0]
  if (!isRecord(content)) {
    faults.push(faultAt([...path, 'content'], 'must be a list with one reader and writer'))
    return null
  }
  if (Array.isArray(job.content) && job.content.length > 1)
    faults.push(faultAt([...path, 'content'], 'must hold one element: DataX runs only the first'))
  if (Array.isArray(content.transformer) && content.transformer.length > 0) {
    faults.push(faultAt([...at, 'transformer'], 'transformers are not supported so far'))
  }
  const end = (role: 'reader' | 'writer'): ScriptEnd => {
    const given = recordOf(content[role])
    if (typeof given.name !== 'string')
      faults.push(faultAt([...at, role, 'name'], `must be the name of a plugin, such as "oss${role}"`))
    const name = typeof given.name === 'string' ? given.name : null
    return { name, parameters: recordOf(given.parameter), path: [...at, role, 'parameter'] }
  }
  return {
    format: 'datax',
    reader: end('reader'),
    writer: end('writer'),
    setting: recordOf(job.setting),
    settingPath: [...path, 'setting'],
  }
}

function dataworksShape(script: Parameters, path: Path, faults: Fault[]): ScriptShape | null {
  if (script.type !== undefined && script.type !== 'job') {
    faults.push(
      faultAt(
        [...path, 'type'],
        `must be "job", got ${shownValue(['type'], script.type)}: real-time synchronisation is out of scope`,
      ),
    )
    return null
  }
  if (!Array.isArray(script.steps)) {
    faults.push(faultAt([...path, 'steps'], 'must be a list of a reader step and a writer step'))
    return null
  }
  const steps = script.steps.map((step: unknown, index) => ({ step: recordOf(step), path: [...path, 'steps', index] }))
  for (const { step, path: at } of steps) if (step.category === 'processor') refuseNodes(step, at, faults)
  const end = (category: 'reader' | 'writer'): ScriptEnd | null => {
    const found = steps.filter(({ step }) => step.category === category)
    const [only] = found
    if (only === undefined || found.length > 1) {
      faults.push(faultAt([...path, 'steps'], `must hold one step of category "${category}", got ${found.length}`))
      return null
    }
    const name = typeof only.step.stepType === 'string' && only.step.stepType !== '' ? only.step.stepType : null
    return { name, parameters: recordOf(only.step.parameter), path: [...only.path, 'parameter'] }
  }
  const [reader, writer] = [end('reader'), end('writer')]
  if (reader === null || writer === null) return null
  return {
    format: 'dataworks',
    reader,
    writer,
    setting: recordOf(script.setting ?? script.dataxSetting),
    settingPath: [...path, 'setting'],
  }
}

/** The wizard always leaves an empty processor step (dataworks-datax.md §1.1). */
function refuseNodes(step: Parameters, path: Path, faults: Fault[]): void {
  const { nodes } = recordOf(step.parameter)
  if (Array.isArray(nodes) && nodes.length > 0)
    faults.push(faultAt([...path, 'parameter', 'nodes'], 'processors are not supported so far'))
}
