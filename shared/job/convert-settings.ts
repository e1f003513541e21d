import { type Fault, warningAt } from './fault.ts'
import { isBlank, isScriptObject, type Member, type Members, membersAt, type ScriptObject } from './members.ts'
import type { ScriptShape } from './script-shape.ts'
import { defaultConcurrent, settingsOf } from './settings.ts'

const mebibyte = 1024 * 1024
/** A smaller cap than DataWorks can say stays in the words of DataX. */
const leastMbps = 0.001

const speedNames = ['channel', 'concurrent', 'throttle', 'mbps', 'byte', 'record']
const settingNames = ['speed', 'errorLimit', 'common', 'executeMode', 'failoverEnable', 'jvmMemory', 'jvmOption']

/** The members of a setting that change on the way, and the others as they are. */
interface Parts {
  readonly known: Members['known']
  readonly speed: Members['known']
  readonly otherSpeed: ScriptObject
  readonly others: ScriptObject
}

function partsOf({ setting }: ScriptShape): Parts {
  const { known, unknown } = membersAt(setting.value, setting.path, settingNames, [])
  const { value, path } = known.get('speed') ?? { value: undefined, path: [...setting.path, 'speed'] }
  const speed = membersAt(value, path, speedNames, [])
  const changed = ['speed', 'errorLimit', 'common', 'executeMode']
  const kept = [...known].filter(([name]) => !changed.includes(name))
  return { known, speed: speed.known, otherSpeed: plain(speed.unknown), others: plain([...kept, ...unknown]) }
}

const plain = (members: Iterable<readonly [string, Member]>): ScriptObject =>
  Object.fromEntries([...members].map(([name, { value }]) => [name, value]))

/** As it was written, so that `${n}` stays one; the default is that of our runs, whichever the form. */
const concurrentOf = (speed: Members['known']): unknown =>
  [speed.get('concurrent'), speed.get('channel')].find((member) => !isBlank(member?.value))?.value ?? defaultConcurrent

const isGiven = (members: Members['known'], ...names: readonly string[]) =>
  names.some((name) => !isBlank(members.get(name)?.value))

/** A number that a parameter will give cannot be computed with. */
const hasReference = (speed: Members['known']) => [...speed.values()].some(({ value }) => String(value).includes('$'))

/** `channel` becomes `concurrent`, caps become `throttle` and `mbps`; the engine's zone moves under the setting. */
export function asDataworksSetting(shape: ScriptShape, common: unknown, remarks: Fault[]): ScriptObject {
  const { known, speed, otherSpeed, others } = partsOf(shape)
  const limit = known.get('errorLimit')
  const zone = known.get('common')?.value ?? common
  return {
    executeMode: known.get('executeMode')?.value ?? null,
    ...others,
    errorLimit: isBlank(limit?.value) ? { record: '' } : limit?.value,
    ...(isBlank(zone) ? {} : { common: zone }),
    speed: { ...dataworksSpeed(shape, speed, remarks), ...otherSpeed },
  }
}

function dataworksSpeed(shape: ScriptShape, speed: Members['known'], remarks: Fault[]): ScriptObject {
  const isCapped = shape.channelSpeed !== null || isGiven(speed, 'byte', 'record')
  const { channel: _channel, ...asWritten } = plain(speed)
  if (!isCapped || hasReference(speed)) return { throttle: false, ...asWritten, concurrent: concurrentOf(speed) }
  const { concurrent, bytesPerSecond, recordsPerSecond } = settingsOf(shape, [])
  const mbps = bytesPerSecond === null ? null : bytesPerSecond / mebibyte
  const path = speed.get('record')?.path ?? shape.channelSpeed?.path ?? shape.setting.path
  if (recordsPerSecond !== null)
    remarks.push(warningAt(path, 'is kept by adbpg-sync; DataWorks itself caps bytes alone, by throttle and mbps'))
  return {
    concurrent,
    ...(mbps === null
      ? { throttle: false }
      : mbps < leastMbps
        ? { throttle: false, byte: bytesPerSecond }
        : { throttle: true, mbps }),
    ...(recordsPerSecond === null ? {} : { record: recordsPerSecond }),
  }
}

/** `concurrent` becomes `channel`, `throttle` and `mbps` become caps, strategies become counts. */
export function asDataxSetting(shape: ScriptShape, remarks: Fault[]) {
  const { known, speed, otherSpeed, others } = partsOf(shape)
  for (const name of ['executeMode', 'failoverEnable', 'jvmMemory']) {
    const member = known.get(name)
    if (member !== undefined && !isBlank(member.value) && member.value !== false)
      remarks.push(warningAt(member.path, 'means nothing to DataX'))
  }
  const { core, ...caps } = dataxSpeed(shape, speed, remarks)
  const common = known.get('common')?.value
  const limit = { errorLimit: dataxLimit(known.get('errorLimit')) }
  const setting = { ...others, ...limit, speed: { ...caps, ...otherSpeed } }
  return { setting, ...(core === undefined ? {} : { core }), ...(isBlank(common) ? {} : { common }) }
}

/**
 * DataX takes a cap of bytes only beside that of a channel, and divides one by the other to get the channels
 * (dataworks-datax.md §2.2): the parallelism must stay what it was.
 */
function dataxSpeed(shape: ScriptShape, speed: Members['known'], remarks: Fault[]): ScriptObject {
  const { throttle: _throttle, mbps: _mbps, concurrent: _concurrent, ...asWritten } = plain(speed)
  const channel = concurrentOf(speed)
  if (hasReference(speed)) {
    if (isGiven(speed, 'mbps'))
      remarks.push(warningAt(speed.get('mbps')?.path ?? [], 'has no place in a DataX job; give speed.byte'))
    return { ...asWritten, channel }
  }
  const { concurrent, bytesPerSecond } = settingsOf(shape, [])
  if (bytesPerSecond === null) return { ...asWritten, channel }
  const ofChannel = Math.max(1, Math.floor(bytesPerSecond / concurrent))
  const byte = ofChannel * concurrent
  if (byte !== bytesPerSecond)
    remarks.push(
      warningAt(
        speed.get('mbps')?.path ?? speed.get('byte')?.path ?? [],
        `becomes ${byte} bytes a second: DataX divides whole bytes among ${concurrent} channels`,
      ),
    )
  return { ...asWritten, channel: concurrent, byte, core: { transport: { channel: { speed: { byte: ofChannel } } } } }
}

/** DataX knows no strategies: their counts say the same (dataworks-datax.md §1.1). */
function dataxLimit(limit: Member | undefined): unknown {
  if (limit === undefined || !isScriptObject(limit.value)) return {}
  const { known, unknown } = membersAt(limit.value, limit.path, ['record', 'percentage', 'strategy'], [])
  const { strategy, ...counts } = plain([...known].filter(([, { value }]) => !isBlank(value)))
  const name = typeof strategy === 'string' ? strategy.toLowerCase() : null
  if (name === 'ignore') return plain(unknown)
  if (name === 'zerotolerance') return { ...plain(unknown), record: 0 }
  return { ...plain(unknown), ...counts }
}
