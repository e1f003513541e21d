import { CronExpressionParser } from 'cron-parser'
import { DateTime } from 'luxon'
import { expect, test } from 'vitest'
import { dueTimes, parseCron } from '../../shared/schedule/index.ts'

/*
 * The judges are cron-parser, which says what a pattern matches, and luxon, which says what clocks show; the product uses
 * croner and Intl. Where no clocks change, cron-parser judges alone, zone and all. Around a change libraries differ, so the rule
 * of shared/schedule/cron.ts is stated anew in luxon's terms: every hour follows the clock; hours of its own are due once.
 */

const zones = [
  'UTC',
  'Asia/Shanghai',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'America/New_York',
  'America/Los_Angeles',
  'America/St_Johns',
  'America/Havana',
  'America/Santiago',
  'America/Sao_Paulo',
  'Europe/London',
  'Europe/Berlin',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Australia/Sydney',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Pacific/Chatham',
  'Atlantic/Azores',
] as const

const hourMs = 3_600_000
const offsetAt = (at: number, zone: string) => DateTime.fromMillis(at, { zone }).offset * 60_000
const from = Date.parse('2024-01-01T00:00:00Z')
const until = Date.parse('2028-01-01T00:00:00Z')

/** The first instant after `low` whose offset is that of `high`. */
function changeBetween(low: number, high: number, zone: string): number {
  const offset = offsetAt(high, zone)
  let [before, after] = [low, high]
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000
    if (offsetAt(middle, zone) === offset) after = middle
    else before = middle
  }
  return after
}

/** These zones keep an offset for four days at least. */
const stepMs = 96 * hourMs

function changesOf(zone: string): number[] {
  const changes: number[] = []
  let offset = offsetAt(from, zone)
  for (let at = from; at < until; at += stepMs) {
    const next = offsetAt(at + stepMs, zone)
    if (next !== offset) changes.push(changeBetween(at, at + stepMs, zone))
    offset = next
  }
  return changes
}
const changes = new Map(zones.map((zone) => [zone, changesOf(zone)]))

/** Seeded, so that a failure comes back: mulberry32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

type Random = (below: number) => number

function fieldOf(random: Random, lowest: number, highest: number, anyOf10: number): string {
  const one = () => lowest + random(highest - lowest + 1)
  const range = () => [one(), one()].sort((a, b) => a - b).join('-')
  if (random(10) < anyOf10) return '*'
  const forms = [
    () => String(one()),
    () => [...new Set([one(), one(), one()])].join(','),
    range,
    () => `${range()}/${1 + random(5)}`,
    () => `*/${2 + random(Math.max(1, Math.floor((highest - lowest) / 2)))}`,
    () => `${lowest},${lowest + 1}-${highest}`,
  ]
  return forms[random(forms.length)]?.() ?? '*'
}

function cronOf(random: Random): string {
  const dayOfMonth = random(12) === 0 ? 'L' : fieldOf(random, 1, 31, 7)
  const weekdays = ['MON', 'TUE-FRI', 'SUN,WED', '5#2', '0', '7']
  const dayOfWeek = random(4) === 0 ? (weekdays[random(weekdays.length)] ?? '*') : fieldOf(random, 0, 6, 8)
  const minute = fieldOf(random, 0, 59, 1)
  const hour = random(8) === 0 ? '00-23' : fieldOf(random, 0, 23, 3)
  return `0 ${minute} ${hour} ${dayOfMonth} ${fieldOf(random, 1, 12, 8)} ${dayOfWeek}`
}

function scheduleOf(random: Random, zone: string): { cron: string; item: ReturnType<typeof parseCron> } {
  for (;;) {
    const cron = cronOf(random)
    try {
      return { cron, item: parseCron(cron, zone) }
    } catch (error) {
      // A day that no month has: refused here, and by cron-parser too.
      expect(String(error)).toContain('no day of any year')
    }
  }
}

const compared = 3
const windowMs = 30 * 24 * hourMs

/** Up to three times by cron-parser alone. */
function plainTimes(cron: string, zone: string, after: number): number[] {
  const expression = CronExpressionParser.parse(cron, { currentDate: new Date(after), tz: zone })
  const times: number[] = []
  while (times.length < compared) {
    const next = nextOf(expression, after + windowMs)
    if (next === null) break
    times.push(next)
  }
  return times
}

/** cron-parser throws where nothing matches within its own bounds. */
function nextOf(expression: ReturnType<typeof CronExpressionParser.parse>, end: number): number | null {
  const next = expression.next().getTime()
  return next > end ? null : next
}

/** The same by wall times of cron-parser, put into the zone by luxon and the rule. */
function ruledTimes(cron: string, zone: string, after: number): number[] {
  const everyHour = ['*', '00-23'].includes(cron.split(' ')[2] ?? '')
  const wallAfter = after + offsetAt(after, zone) - 3 * hourMs
  const expression = CronExpressionParser.parse(cron, { currentDate: new Date(wallAfter), tz: 'UTC' })
  const times = new Set<number>()
  const firsts = new Set<number>()
  while (firsts.size < compared) {
    const wall = nextOf(expression, after + windowMs + 26 * hourMs)
    if (wall === null) break
    const instants = instantsOf(wall, zone, everyHour)
    for (const at of instants) if (at > after && at <= after + windowMs) times.add(at)
    if (instants[0] !== undefined && instants[0] > after) firsts.add(instants[0])
  }
  return [...times].sort((a, b) => a - b).slice(0, compared)
}

function instantsOf(wall: number, zone: string, everyHour: boolean): number[] {
  const shown = DateTime.fromMillis(wall, { zone: 'utc' })
  const meant = shown.setZone(zone, { keepLocalTime: true })
  const isSkipped = meant.toFormat('yyyyMMddHHmm') !== shown.toFormat('yyyyMMddHHmm')
  if (isSkipped)
    return everyHour ? [] : [changeBetween(meant.toMillis() - 4 * hourMs, meant.toMillis() + 4 * hourMs, zone)]
  const instants = meant
    .getPossibleOffsets()
    .map((one) => one.toMillis())
    .sort((a, b) => a - b)
  return everyHour ? instants : instants.slice(0, 1)
}

interface Tally {
  readonly plain: number
  readonly ruled: number
  readonly compared: number
}

function compareAll(pairs: number, seed: number): Tally {
  const random = randomOf(seed)
  const tally = { plain: 0, ruled: 0, compared: 0 }
  for (let pair = 0; pair < pairs; pair += 1) {
    const zone = zones[random(zones.length)] ?? 'UTC'
    const { cron, item } = scheduleOf(random, zone)
    const near = changes.get(zone) ?? []
    const change = near[random(Math.max(1, near.length))]
    // Half of them start within a day and a half before a change, or in the hours after it.
    const after =
      change === undefined || random(2) === 0
        ? from + random((until - from) / 60_000) * 60_000
        : change + (random(2400) - 2160) * 60_000
    const isNear = near.some((at) => at > after - 26 * hourMs && at < after + windowMs + 26 * hourMs)
    const judge = isNear ? ruledTimes : plainTimes
    const expected = judge(cron, zone, after)
    const end = expected.length < compared ? after + windowMs : (expected.at(-1) ?? after)
    const found = dueTimes(item, new Date(after), new Date(end)).map((time) => time.toISOString())
    expect(found, `${cron} in ${zone} after ${new Date(after).toISOString()}`).toEqual(
      expected.map((at) => new Date(at).toISOString()),
    )
    tally[isNear ? 'ruled' : 'plain'] += 1
    tally.compared += expected.length
  }
  return tally
}

test('10,000 schedules in twenty zones are due when cron-parser and luxon say so', { timeout: 240_000 }, () => {
  const tally = compareAll(10_000, 20_261_125)
  expect(tally.plain).toBeGreaterThan(3000)
  expect(tally.ruled).toBeGreaterThan(3000)
  expect(tally.compared).toBeGreaterThan(20_000)
})
