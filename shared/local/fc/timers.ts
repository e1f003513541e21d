import type { FunctionDefinition, TimerTrigger } from './functions.ts'
import { type DueTimes, parseTimer } from './timer-expression.ts'

/** The event of fc-oss.md §4.1. `payload` is a string even when it holds JSON. */
export interface TimerEvent {
  /** When it was due, without milliseconds: what the cloud sends, and what a run's key is made of. */
  readonly triggerTime: string
  readonly triggerName: string
  readonly payload: string
}

export interface Timers {
  start(fire: (functionName: string, event: TimerEvent) => void): void
  stop(): void
}

export interface Clock {
  now(): number
  /** @returns how to call it off */
  callAfter(ms: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  callAfter(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** The wall clock may jump while a timer of the process sleeps, so it never sleeps for longer. */
const longestSleepMs = 60_000
/** What was due while the process was blocked is made up for; what a sleeping laptop missed would be a flood. */
const catchUpMs = 10 * 60_000

/** @throws platform/misconfigured for an expression that is none, of disabled triggers too */
export function readTimers(definitions: readonly FunctionDefinition[], clock: Clock): Timers {
  const timers = definitions.flatMap(({ functionName, triggers }) =>
    triggers
      .filter((trigger) => trigger.triggerType === 'timer')
      .map((trigger) => ({
        functionName,
        trigger,
        due: parseTimer(trigger.triggerConfig.cronExpression, clock.now()),
      })),
  )
  const stops: (() => void)[] = []
  return {
    start(fire) {
      for (const { functionName, trigger, due } of timers.filter((one) => one.trigger.triggerConfig.enable))
        stops.push(startTimer(due, clock, (at) => fire(functionName, eventOf(trigger, at))))
    },
    stop: () => stops.splice(0).forEach((stop) => void stop()),
  }
}

const eventOf = ({ triggerName, triggerConfig }: TimerTrigger, at: Date): TimerEvent => ({
  triggerTime: `${at.toISOString().slice(0, 19)}Z`,
  triggerName,
  payload: triggerConfig.payload ?? '',
})

/** Every instant belongs to one window, `lookedUntil` to now: no due time falls between two windows, or into both. */
function startTimer(due: DueTimes, clock: Clock, fire: (at: Date) => void): () => void {
  let lookedUntil = clock.now()
  let callOff: () => void = () => undefined
  const sleep = () => {
    const [next] = due(new Date(lookedUntil), new Date(lookedUntil + longestSleepMs))
    const until = next?.getTime() ?? lookedUntil + longestSleepMs
    callOff = clock.callAfter(Math.min(Math.max(until - clock.now(), 1), longestSleepMs), look)
  }
  const look = () => {
    const now = clock.now()
    const from = Math.max(lookedUntil, now - catchUpMs)
    lookedUntil = Math.max(lookedUntil, now)
    for (const at of due(new Date(from), new Date(now))) fire(at)
    sleep()
  }
  sleep()
  return () => callOff()
}
