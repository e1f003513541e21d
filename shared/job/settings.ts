import type { ErrorLimit, JobSpec } from './document.ts'
import { type Fault, faultAt, faultOf, type Path, warningAt } from './fault.ts'
import { isBlank, type Member, type Members, membersAt, warnOfUnknown } from './members.ts'
import { numberAt } from './number-at.ts'
import { capsOf, totalCaps } from './rate-caps.ts'
import type { ScriptShape } from './script-shape.ts'

type Settings = JobSpec['settings']

/** The front end of DataWorks proposes 3; DataX refuses a job without any speed (dataworks-datax.md §1.1, §2.2). */
export const defaultConcurrent = 3
/** The bound of `JobSpec`. A larger number is an upper bound all the same, so it is lowered rather than refused. */
const maxConcurrent = 100

const settingNames = [
  'speed',
  'errorLimit',
  'dryRun',
  'common',
  'executeMode',
  'failoverEnable',
  'jvmOption',
  'jvmMemory',
]
const speedNames = ['channel', 'concurrent', 'throttle', 'mbps', 'byte', 'record', 'dmu', 'jvmOption']
const limitNames = ['record', 'percentage', 'strategy']

/** `setting` of either format. */
export function settingsOf({ format, setting, channelSpeed }: ScriptShape, faults: Fault[]): Settings {
  const { known, unknown } = membersAt(setting.value, setting.path, settingNames, faults)
  warnOfUnknown(unknown, settingNames, faults)
  refuseDryRun(known.get('dryRun'), faults)
  tellCommon(known.get('common'), faults)
  const speed = partOf(known, setting.path, 'speed', speedNames, faults)
  const limit = partOf(known, setting.path, 'errorLimit', limitNames, faults)
  const caps = capsOf(speed, channelSpeed, faults)
  const concurrent = caps.channels ?? concurrentOf(speed, faults)
  const isGiven = ['concurrent', 'channel'].some((name) => !isBlank(speed.get(name)?.value))
  if (!isGiven && concurrent === null && format === 'datax')
    faults.push(
      warningAt([...setting.path, 'speed'], `gives no channel, which DataX refuses; ${defaultConcurrent} are used`),
    )
  const channels = Math.min(concurrent ?? defaultConcurrent, maxConcurrent)
  return { concurrent: channels, errorLimit: errorLimitOf(limit, faults), ...totalCaps(caps, channels) }
}

function partOf(known: Members['known'], path: Path, name: string, names: readonly string[], faults: Fault[]) {
  const given = known.get(name)
  const part = membersAt(given?.value, given?.path ?? [...path, name], names, faults)
  warnOfUnknown(part.unknown, names, faults)
  return part.known
}

function concurrentOf(speed: Members['known'], faults: Fault[]): number | null {
  const [given, other] = [speed.get('concurrent'), speed.get('channel')].filter((member) => !isBlank(member?.value))
  if (given !== undefined && other !== undefined && Number(given.value) !== Number(other.value))
    faults.push(warningAt(other.path, 'has no effect beside concurrent; keep one of the two'))
  const count = numberAt(given, { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true }, faults)
  if (given === undefined || count === null) return null
  if (count > maxConcurrent)
    faults.push(warningAt(given.path, `is more than a run can have at the same time; ${maxConcurrent} are used`))
  return Math.min(count, maxConcurrent)
}

const strategies = ['Ignore', 'Tolerance', 'ZeroTolerance']

/**
 * Nothing set means any number of dirty records, as in DataX and old scripts of DataWorks (dataworks-datax.md §1.1, §6):
 * they are kept and shown, not lost.
 */
function errorLimitOf(limit: Members['known'], faults: Fault[]): ErrorLimit {
  const strategy = strategyOf(limit.get('strategy'), faults)
  const record = numberAt(limit.get('record'), { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true }, faults)
  const percentage = numberAt(limit.get('percentage'), { min: 0, max: 1 }, faults)
  if (strategy === 'Ignore' || strategy === 'ZeroTolerance') {
    const isStrict = strategy === 'ZeroTolerance'
    if (record !== null && !(isStrict && record === 0)) tellBeside(limit.get('record'), strategy, faults)
    if (percentage !== null && !(isStrict && percentage === 0)) tellBeside(limit.get('percentage'), strategy, faults)
    return { record: isStrict ? 0 : null, percentage: null }
  }
  if (strategy === 'Tolerance' && record === null)
    faults.push(
      faultAt(limit.get('record')?.path ?? limit.get('strategy')?.path ?? [], 'Tolerance needs a record count'),
    )
  if (record === null || percentage === null) return { record, percentage }
  const path = limit.get('percentage')?.path ?? []
  faults.push(warningAt(path, 'has no effect beside record, as in DataX'))
  return { record, percentage: null }
}

function tellBeside(member: Member | undefined, strategy: string, faults: Fault[]): void {
  if (member !== undefined) faults.push(warningAt(member.path, `has no effect beside strategy ${strategy}`))
}

function strategyOf(given: Member | undefined, faults: Fault[]): string | null {
  if (given === undefined || isBlank(given.value)) return null
  const wanted = String(given.value).toLowerCase()
  const found = strategies.find((strategy) => strategy.toLowerCase() === wanted)
  if (found === undefined) faults.push(faultOf(given.path, given.value, `must be one of ${strategies.join(', ')}`))
  return found ?? null
}

function refuseDryRun(given: Member | undefined, faults: Fault[]): void {
  if (given === undefined || String(given.value).toLowerCase() !== 'true') return
  const reason = 'would move data here; remove it, and look at the job with `adbpg-sync plan`'
  faults.push(faultAt(given.path, reason, 'job/unsupported'))
}

function tellCommon(given: Member | undefined, faults: Fault[]): void {
  if (given === undefined || isBlank(given.value)) return
  faults.push(warningAt(given.path, 'has no effect: dates and times are taken as the server reads and writes them'))
}
