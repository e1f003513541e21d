/** A time in which a zone keeps one distance from UTC. Both ends are instants in ms and belong to it. */
export interface ZonePeriod {
  readonly start: number
  readonly end: number
  readonly offsetMs: number
  /** Of the period before; null for the first one looked at. */
  readonly previousOffsetMs: number | null
}

/** Spelled as usual: to ask Intl for one costs 40 µs, and a document of half a megabyte names ten thousand. */
const usual: ReadonlySet<string> = new Set(['UTC', ...Intl.supportedValuesOf('timeZone')])

export function isTimeZone(timeZone: string): boolean {
  if (usual.has(timeZone)) return true
  try {
    new Intl.DateTimeFormat('en-US', { timeZone })
    return true
  } catch {
    return false
  }
}

/** No zone has changed its clocks twice within this time. */
const stepMs = 12 * 3_600_000

/** The periods that cover `start` to `end`, in order; the first and the last are cut there. */
export function* zonePeriods(timeZone: string, start: number, end: number): Iterable<ZonePeriod> {
  const offsetAt = offsetReader(timeZone)
  let period = { start, offsetMs: offsetAt(start), previousOffsetMs: null as number | null }
  for (let at = start; at < end; at += stepMs) {
    const next = Math.min(at + stepMs, end)
    const offsetMs = offsetAt(next)
    if (offsetMs === period.offsetMs) continue
    const change = firstWith(offsetAt, offsetMs, at, next)
    yield { ...period, end: change - 1 }
    period = { start: change, offsetMs, previousOffsetMs: period.offsetMs }
  }
  if (period.start <= end) yield { ...period, end }
}

/** Clocks change at whole seconds. */
function firstWith(offsetAt: (at: number) => number, offsetMs: number, low: number, high: number): number {
  let [before, from] = [Math.floor(low / 1000), Math.ceil(high / 1000)]
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2)
    if (offsetAt(middle * 1000) === offsetMs) from = middle
    else before = middle
  }
  return from * 1000
}

/** The last few zones that were asked for: to make one takes 0.2 ms, and each object that arrives has a date. */
const formats = new Map<string, Intl.DateTimeFormat>()
const keptFormats = 8

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const kept = formats.get(timeZone)
  if (kept !== undefined) return kept
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  if (formats.size >= keptFormats) formats.clear()
  formats.set(timeZone, format)
  return format
}

/** How far the clocks of a zone are ahead of UTC at an instant, in ms. */
export function offsetReader(timeZone: string): (at: number) => number {
  const format = formatOf(timeZone)
  return (at) => {
    const second = Math.floor(at / 1000) * 1000
    // One text is made in a third of the time of its parts: `3/8/2026, 03:00:00`.
    const [month = 1, day = 1, year = 0, ...clock] = format.format(second).split(/\D+/, 6).map(Number)
    return Date.UTC(year, month - 1, day, clock[0], clock[1], clock[2]) - second
  }
}
