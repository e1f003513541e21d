import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FunctionDefinition } from '../../../shared/local/fc/functions.ts'
import { readTimers, type TimerEvent } from '../../../shared/local/fc/timers.ts'
import { eventually, startTestFc } from '../../support/fc.ts'
import { type HandClock, handClock } from '../../support/hand-clock.ts'
import { tempDir } from '../../support/temp-dir.ts'

/** Only what timers look at. */
const functionWith = (...expressions: readonly string[]): FunctionDefinition => ({
  functionName: 'f',
  runtime: 'nodejs20',
  handler: 'index.handler',
  code: '.',
  codeDir: '.',
  memorySize: 128,
  timeout: 3,
  environmentVariables: {},
  instanceLifecycleConfig: {},
  asyncInvokeConfig: {
    asyncTask: false,
    maxAsyncRetryAttempts: 3,
    maxAsyncEventAgeInSeconds: 60,
    destinationConfig: {},
  },
  triggers: expressions.map((cronExpression, index) => ({
    triggerName: `t${index}`,
    triggerType: 'timer',
    triggerConfig: { cronExpression, enable: true },
  })),
})

const started = (clock: HandClock, ...expressions: readonly string[]) => {
  const fired: TimerEvent[] = []
  const timers = readTimers([functionWith(...expressions)], clock)
  timers.start((_, event) => void fired.push(event))
  return { timers, times: () => fired.map(({ triggerTime }) => triggerTime) }
}

const hourMs = 3_600_000

describe('when a timer fires', () => {
  it('is a time of UTC unless a zone stands before it', () => {
    const clock = handClock('2026-11-24T04:58:30Z')
    const { times } = started(clock, '0 0 5 * * *', 'CRON_TZ=Asia/Shanghai 30 10 13 * * *')
    clock.pass(hourMs)
    expect(times()).toEqual(['2026-11-24T05:00:00Z', '2026-11-24T05:10:30Z'])
  })

  it('counts @every from the start of the server', () => {
    const clock = handClock('2026-11-24T12:00:07Z')
    const { times } = started(clock, '@every 2m', '@every 1h')
    clock.pass(hourMs)
    expect(times()).toHaveLength(31)
    expect(times().slice(0, 2)).toEqual(['2026-11-24T12:02:07Z', '2026-11-24T12:04:07Z'])
    expect(times().at(-1)).toBe('2026-11-24T13:00:07Z')
  })

  it.each([
    ['2026-03-08T06:30:00Z', '2026-03-08T07:00:00Z'],
    ['2026-03-09T06:00:00Z', '2026-03-09T06:30:00Z'],
  ])('is once a day also when a zone skips that hour, as a schedule of a job has it: after %s', (start, due) => {
    const clock = handClock(start)
    const { times } = started(clock, 'CRON_TZ=America/New_York 0 30 2 * * *')
    clock.pass(hourMs)
    expect(times()).toEqual([due])
  })

  it('is told by the time it was due, once each, when the event loop was blocked across it', () => {
    const clock = handClock('2026-11-24T12:00:30Z')
    const { times } = started(clock, '0 * * * * *')
    clock.passBlocked(150_500)
    expect(times()).toEqual(['2026-11-24T12:01:00Z', '2026-11-24T12:02:00Z', '2026-11-24T12:03:00Z'])
    clock.pass(60_000)
    expect(times().slice(3)).toEqual(['2026-11-24T12:04:00Z'])
  })

  it('is never twice for one due time when the wall clock is set back', () => {
    const clock = handClock('2026-11-24T12:00:30Z')
    const { times } = started(clock, '0 * * * * *')
    clock.pass(31_000)
    clock.passBlocked(-20_000)
    clock.pass(100_000)
    expect(times()).toEqual(['2026-11-24T12:01:00Z', '2026-11-24T12:02:00Z'])
  })

  it('is not made up for after a night of sleep, but for the last ten minutes', () => {
    const clock = handClock('2026-11-24T22:00:30Z')
    const { times } = started(clock, '0 * * * * *')
    clock.passBlocked(9 * hourMs)
    expect(times()).toHaveLength(10)
    expect(times().at(-1)).toBe('2026-11-25T07:00:00Z')
  })

  it('is never after stop, and nothing goes on waiting', () => {
    const clock = handClock('2026-11-24T12:00:30Z')
    const { timers, times } = started(clock, '0 * * * * *', '@every 1m')
    timers.stop()
    expect(clock.waiting()).toBe(0)
    clock.pass(hourMs)
    expect(times()).toEqual([])
  })
})

describe('an expression that the cloud would refuse', () => {
  it.each([
    '* * * * *',
    '0 0 25 * * *',
    '@every 30s',
    '@every 0m',
    '@every 1.5h',
    'CRON_TZ=Mars/Olympus 0 0 5 * * *',
    '',
    'now',
  ])('%j is refused before the server starts, with what to write', (expression) => {
    expect(() => readTimers([functionWith(expression)], handClock('2026-11-24T12:00:00Z'))).toThrow(
      expect.objectContaining({ code: 'platform/misconfigured', message: expect.stringContaining(`"${expression}"`) }),
    )
  })
})

describe('a timer of a running server', () => {
  const record = "require('fs').appendFileSync(process.env.TEST_DIR + '/events', event + '\\n')"
  const triggers = (enable: boolean, payload: string) =>
    `      triggers:\n        - triggerName: nightly\n          triggerType: timer\n          triggerConfig:\n            cronExpression: CRON_TZ=Asia/Shanghai 0 0 5 * * *\n            enable: ${enable}\n            payload: '${payload}'`

  it('invokes its function with its payload as a string, and a disabled one does not', async () => {
    const dir = await tempDir('fc-timers')
    const code = `exports.handler = async (event) => { ${record} }`
    const clock = handClock('2026-11-24T20:59:30Z')
    const functions = {
      on: { code, props: triggers(true, '{"a":1}') },
      off: { code, props: triggers(false, 'off') },
    }
    const server = await startTestFc(dir, functions, { timers: true, clock })
    onTestFinished(() => server.close())
    clock.pass(60_000)
    const text = await eventually(async () => {
      const written = await readFile(join(dir, 'events'), 'utf8').catch(() => '')
      return written.endsWith('\n') ? written : null
    })
    expect(JSON.parse(text)).toEqual({
      triggerTime: '2026-11-24T21:00:00Z',
      triggerName: 'nightly',
      payload: '{"a":1}',
    })
    expect(clock.waiting()).toBe(1)
  })
})
