import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseEvent } from '../../shared/aliyun/handle.ts'
import { OssEvent, StartEvent, StepEvent, TickEvent } from '../../shared/run/events.ts'
import { functionNames, root } from '../support/deployment.ts'

describe('events/', () => {
  const schemas = { start: StartEvent, object: OssEvent, tick: TickEvent } as const
  const samples = readdirSync(join(root, 'events'))

  it.each(samples)('%s is one that its function takes', (file) => {
    const name = file.split('.')[0] ?? ''
    expect(functionNames).toContain(name)
    const schema = schemas[name as keyof typeof schemas]
    if (schema !== undefined) expect(() => parseEvent(schema, readFileSync(join(root, 'events', file)))).not.toThrow()
    else
      expect(JSON.parse(readFileSync(join(root, 'events', file), 'utf8'))).toHaveProperty('requestContext.http.method')
  })

  it('shows a failure that carries an event of ours, so that tick finds the run', () => {
    const failure = TickEvent.parse(JSON.parse(readFileSync(join(root, 'events/tick.failure.json'), 'utf8')))
    expect(StepEvent.safeParse('requestPayload' in failure ? failure.requestPayload : null).success).toBe(true)
  })

  it('has a sample for each way in', () => {
    expect(new Set(samples.map((file) => file.split('.')[0]))).toEqual(new Set(['start', 'object', 'tick', 'api']))
  })
})
