import { dataworksShape } from './dataworks-shape.ts'
import { dataxShape } from './datax-shape.ts'
import { type Fault, faultAt, faultOf, type Path } from './fault.ts'
import { isScriptObject, type Member, membersAt } from './members.ts'

/** A reader or writer as the script gives it. */
export interface ScriptEnd {
  /** Plugin name or step type; null when only the datasource tells. */
  readonly name: string | null
  readonly namePath: Path
  readonly parameters: Member
}

/** What DataX and DataWorks scripts have in common. */
export interface ScriptShape {
  readonly format: 'datax' | 'dataworks'
  readonly reader: ScriptEnd
  readonly writer: ScriptEnd
  /** The list of transformers, as DataX writes it; null: there is none. */
  readonly transformers: Member | null
  readonly setting: Member
  /** `core.transport.channel.speed` of a DataX job: what one channel may take. */
  readonly channelSpeed: Member | null
}

/** Tells the two formats apart and finds reader, writer and settings in either. null: faults say why. */
export function shapeOf(script: unknown, path: Path, faults: Fault[]): ScriptShape | null {
  if (!isScriptObject(script)) {
    const wanted = 'must be a DataX job {"job": …} or a DataWorks script {"type": "job", "steps": …}'
    faults.push(faultOf(path, script, wanted))
    return null
  }
  const { known } = membersAt(script, path, ['job', 'steps', 'type', 'configuration'], faults)
  if (known.has('job')) return dataxShape(script, path, faults)
  if (known.has('steps') || known.has('type') || known.has('configuration')) return dataworksShape(script, path, faults)
  const names = Object.keys(script).slice(0, 5).join(', ')
  faults.push(faultAt(path, `has neither "job" (DataX) nor "steps" (DataWorks); it has ${names || 'nothing'}`))
  return null
}
