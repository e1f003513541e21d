import { TransferError } from '../errors/index.ts'
import { type Fault, faultsError, isError, type Path } from './fault.ts'
import { isScriptObject, type Member, type ScriptObject } from './members.ts'
import { type ScriptEnd, type ScriptShape, shapeOf } from './script-shape.ts'
import { settingsOf } from './settings.ts'

/**
 * DataX ⇄ DataWorks by the rules of Alibaba's own converter (dataworks-datax.md §1.2): names lose or gain `reader` and
 * `writer`, parameters are taken as they are, `channel` and `concurrent` change names.
 * @throws job/invalid with a line per fault
 */
export function convertScript(script: unknown, to: string | null, path: Path, place: (fault: Fault) => Fault): unknown {
  const faults: Fault[] = []
  const shape = shapeOf(script, path, faults)
  if (shape === null || faults.some(isError)) throw faultsError(faults.map(place))
  const format = to ?? (shape.format === 'datax' ? 'dataworks' : 'datax')
  if (format === shape.format) return script
  if (format === 'dataworks') return asDataworks(shape)
  if (format === 'datax') return asDatax(shape)
  throw new TransferError('job/invalid', `--to must be datax or dataworks, got ${format}`)
}

const objectOf = ({ value }: Member): ScriptObject => (isScriptObject(value) ? value : {})

const speedOf = ({ setting }: ScriptShape): ScriptObject => {
  const { speed } = objectOf(setting)
  return isScriptObject(speed) ? speed : {}
}

function asDataworks(shape: ScriptShape): unknown {
  const { channel, ...speed } = speedOf(shape)
  const step = (category: 'reader' | 'writer', end: ScriptEnd) => ({
    stepType: (end.name ?? '').replace(new RegExp(`${category}$`, 'i'), ''),
    parameter: objectOf(end.parameters),
    name: category === 'reader' ? 'Reader' : 'Writer',
    category,
  })
  return {
    type: 'job',
    version: '2.0',
    steps: [step('reader', shape.reader), step('writer', shape.writer)],
    setting: {
      errorLimit: { record: '' },
      ...objectOf(shape.setting),
      speed: { concurrent: channel ?? 2, throttle: false, ...speed, ...speedOfChannels(shape) },
    },
    order: { hops: [{ from: 'Reader', to: 'Writer' }] },
  }
}

/** A DataWorks script has no place for what one channel may take: it is said as what all may. */
function speedOfChannels(shape: ScriptShape): ScriptObject {
  if (shape.channelSpeed === null) return {}
  const { concurrent, bytesPerSecond, recordsPerSecond } = settingsOf(shape, [])
  return { concurrent, byte: bytesPerSecond ?? -1, record: recordsPerSecond ?? -1 }
}

function asDatax(shape: ScriptShape): unknown {
  const { concurrent, throttle, mbps, ...speed } = speedOf(shape)
  const isCapped = String(throttle).trim().toLowerCase() === 'true' && Number(mbps) > 0
  const cap = isCapped ? { byte: Math.round(Number(mbps) * 1024 * 1024) } : {}
  const { executeMode: _executeMode, ...setting } = objectOf(shape.setting)
  const end = (role: 'reader' | 'writer', { name, parameters }: ScriptEnd) => ({
    name: `${name ?? ''}${role}`,
    parameter: objectOf(parameters),
  })
  const content = [{ reader: end('reader', shape.reader), writer: end('writer', shape.writer) }]
  return { job: { content, setting: { ...setting, speed: { channel: Number(concurrent ?? 3), ...cap, ...speed } } } }
}
