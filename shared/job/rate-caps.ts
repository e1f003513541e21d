import { type Fault, faultOf, warningAt } from './fault.ts'
import { isBlank, type Member, type Members, membersAt, warnOfUnknown } from './members.ts'
import { numberAt } from './number-at.ts'

/** What a script says of speed: for the whole job, or for each channel. null: nothing. */
export interface Caps {
  readonly bytesPerSecond: number | null
  readonly recordsPerSecond: number | null
  readonly perChannel: { readonly bytes: number | null; readonly records: number | null }
  /** Channels that follow from the caps, as DataX counts them; null: they do not decide. */
  readonly channels: number | null
}

const mebibyte = 1024 * 1024
const capNames = ['byte', 'record']

/**
 * DataWorks caps a job by `throttle` and `mbps`, which leave its parallelism alone. DataX divides the cap of the job by that
 * of a channel, and the quotient is the number of channels, whatever `channel` says (dataworks-datax.md §1.2, §2.2).
 */
export function capsOf(speed: Members['known'], channelSpeed: Member | null, faults: Fault[]): Caps {
  const ofJob = { bytes: capAt(speed.get('byte'), faults), records: capAt(speed.get('record'), faults) }
  const { known: channel, unknown } = membersAt(channelSpeed?.value, channelSpeed?.path ?? [], capNames, faults)
  warnOfUnknown(unknown, capNames, faults)
  const perChannel = { bytes: capAt(channel.get('byte'), faults), records: capAt(channel.get('record'), faults) }
  const quotients = [quotient(ofJob.bytes, perChannel.bytes), quotient(ofJob.records, perChannel.records)]
  const counts = quotients.filter((count) => count !== null)
  const channels = counts.length === 0 ? null : Math.min(...counts)
  if (channels !== null) tellChannels(speed, channels, faults)
  return {
    bytesPerSecond: smallest(ofJob.bytes, throttled(speed, faults)),
    recordsPerSecond: ofJob.records,
    perChannel,
    channels,
  }
}

/** The caps of the whole run: those of its channels together, and never more than those of the job. */
export function totalCaps({ bytesPerSecond, recordsPerSecond, perChannel }: Caps, channels: number) {
  const together = (cap: number | null) => (cap === null ? null : cap * channels)
  return {
    bytesPerSecond: smallest(bytesPerSecond, together(perChannel.bytes)),
    recordsPerSecond: smallest(recordsPerSecond, together(perChannel.records)),
  }
}

const quotient = (whole: number | null, part: number | null) =>
  whole === null || part === null ? null : Math.max(1, Math.floor(whole / part))

function smallest(...caps: readonly (number | null)[]): number | null {
  const given = caps.filter((cap) => cap !== null)
  return given.length === 0 ? null : Math.min(...given)
}

/** DataX means "no cap" by -1, and by 0. */
function capAt(given: Member | undefined, faults: Fault[]): number | null {
  const cap = numberAt(given, { min: -1, max: Number.MAX_SAFE_INTEGER }, faults)
  return cap === null || cap <= 0 ? null : cap
}

function throttled(speed: Members['known'], faults: Fault[]): number | null {
  const throttle = speed.get('throttle')
  const mbps = speed.get('mbps')
  const given = isBlank(throttle?.value) ? 'false' : String(throttle?.value).trim().toLowerCase()
  if (throttle !== undefined && given !== 'true' && given !== 'false')
    faults.push(faultOf(throttle.path, throttle.value, 'must be true or false'))
  const isOn = given === 'true'
  // The wizard leaves mbps beside a throttle of false; it is ignored there too.
  if (!isOn && isBlank(throttle?.value) && mbps !== undefined && !isBlank(mbps.value))
    faults.push(warningAt(mbps.path, 'has no effect without throttle true'))
  if (!isOn) return null
  const cap = numberAt(mbps, { min: 0.001, max: 100_000 }, faults)
  if (cap === null && isBlank(mbps?.value) && throttle !== undefined)
    faults.push(warningAt(throttle.path, 'has no effect without mbps'))
  return cap === null ? null : cap * mebibyte
}

function tellChannels(speed: Members['known'], channels: number, faults: Fault[]): void {
  const given = [speed.get('channel'), speed.get('concurrent')].find((member) => !isBlank(member?.value))
  if (given === undefined || Number(given.value) === channels) return
  faults.push(
    warningAt(given.path, `has no effect: the caps of job and channel give ${channels} channels, as in DataX`),
  )
}
