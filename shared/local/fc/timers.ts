import { Cron } from 'croner'
import { TransferError } from '../../errors/index.ts'
import type { FunctionDefinition, TimerTrigger } from './functions.ts'

/** The event of fc-oss.md §4.1. `payload` is a string even when it holds JSON. */
export interface TimerEvent {
  readonly triggerTime: string
  readonly triggerName: string
  readonly payload: string
}

export interface Timers {
  stop(): void
}

/** Six fields with seconds first, UTC or `CRON_TZ=Zone` before them, or `@every 5m`. */
export function parseTimer(expression: string): { pattern: string; zone: string } | { everyMs: number } {
  const every = /^@every (\d+)(m|h)$/.exec(expression)
  if (every !== null) return { everyMs: Number(every[1]) * (every[2] === 'h' ? 3_600_000 : 60_000) }
  const zoned = /^(?:CRON_TZ=(\S+) )?((?:\S+ ){5}\S+)$/.exec(expression)
  if (zoned === null) {
    const message = `a timer has six fields, seconds first, or is "@every 5m"; got "${expression}"`
    throw new TransferError('platform/misconfigured', message, { expression })
  }
  return { pattern: zoned[2] ?? '', zone: zoned[1] ?? 'UTC' }
}

export function startTimers(
  definitions: readonly FunctionDefinition[],
  fire: (functionName: string, event: TimerEvent) => void,
): Timers {
  const stops: (() => void)[] = []
  for (const { functionName, triggers } of definitions) {
    for (const trigger of triggers) {
      if (trigger.triggerType === 'timer' && trigger.triggerConfig.enable) {
        stops.push(startTimer(trigger, (event) => fire(functionName, event)))
      }
    }
  }
  return { stop: () => stops.forEach((stop) => void stop()) }
}

function startTimer({ triggerName, triggerConfig }: TimerTrigger, fire: (event: TimerEvent) => void): () => void {
  const timer = parseTimer(triggerConfig.cronExpression)
  // The minute it was due, without milliseconds: what the cloud sends, and what a run's key is made of.
  const event = () =>
    fire({
      triggerTime: `${new Date().toISOString().slice(0, 19)}Z`,
      triggerName,
      payload: triggerConfig.payload ?? '',
    })
  if ('everyMs' in timer) {
    const interval = setInterval(event, timer.everyMs)
    return () => clearInterval(interval)
  }
  const cron = new Cron(timer.pattern, { timezone: timer.zone }, event)
  return () => cron.stop()
}
