/** A time in which a zone keeps one distance from UTC. Both ends are instants in ms and belong to it. */
export interface ZonePeriod {
  readonly start: number
  readonly end: number
  readonly offsetMs: number
  /** Of the period before; null for the first one looked at. */
  readonly previousOffsetMs: number | null
}

export function isTimeZone(timeZone: string): boolean {
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

function offsetReader(timeZone: string): (at: number) => number {
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
  return (at) => {
    const second = Math.floor(at / 1000) * 1000
    const parts = new Map(format.formatToParts(second).map(({ type, value }) => [type, Number(value)]))
    const part = (type: string) => parts.get(type as Intl.DateTimeFormatPartTypes) ?? 0
    const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
    return wall - second
  }
}
