import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { eventually, startTestFc } from '../../support/fc.ts'
import { keptLog } from '../../support/log.ts'
import { tempDir } from '../../support/temp-dir.ts'

interface Rule {
  readonly name?: string
  readonly bucket?: string
  readonly prefix?: string
  readonly suffix?: string
  readonly events?: readonly string[]
}

const put = 'oss:ObjectCreated:PutObject'
const code =
  "exports.handler = async (event) => { require('fs').appendFileSync(process.env.TEST_DIR + '/events', event + '\\n') }"

const ruleText = ({ name = 'rule', bucket = 'bkt', prefix = '', suffix = '', events = [put] }: Rule) => `
        - triggerName: ${name}
          triggerType: oss
          sourceArn: acs:oss:cn-hangzhou:1000000000000001:${bucket}
          triggerConfig:
            events: ${JSON.stringify(events)}
            filter:
              key: { prefix: '${prefix}', suffix: '${suffix}' }`
const withRules = (...rules: readonly Rule[]) => ({ code, props: `      triggers:${rules.map(ruleText).join('')}` })

const notification = (key: string, eventName = 'ObjectCreated:PutObject', bucket = 'bkt') => ({
  events: [{ eventName, eventSource: 'acs:oss', oss: { bucket: { name: bucket }, object: { key, size: 3 } } }],
})

describe('an OSS trigger', () => {
  const start = async (rule: Rule) => {
    const dir = await tempDir('fc-oss')
    const log = keptLog()
    const server = await startTestFc(dir, { one: withRules(rule) }, { log })
    onTestFinished(() => server.close())
    const keys = async (count: number) =>
      await eventually(async () => {
        const lines = (await readFile(join(dir, 'events'), 'utf8').catch(() => '')).split('\n').slice(0, -1)
        const events = lines.map((line) => JSON.parse(line) as ReturnType<typeof notification>)
        return events.length === count ? events.map(({ events: [event] }) => event?.oss.object.key).sort() : null
      })
    return { server, log, keys }
  }

  it('listens to prefix and suffix in one bucket, and to no other event', async () => {
    const { server, log, keys } = await start({ prefix: 'in/', suffix: '.csv' })
    const others = [
      notification('in/a.txt'),
      notification('out/a.csv'),
      notification('in/a.csv', 'ObjectCreated:PutObject', 'other'),
      notification('in/a.csv', 'ObjectCreated:CopyObject'),
      notification('in/a.csv', 'ObjectCreated:PutObjectTwice'),
      notification('in/a.csv', 'ObjectRemoved:DeleteObject'),
    ]
    for (const other of others) await server.deliverOssNotification(other)
    await server.deliverOssNotification(notification('in/ä b.csv'))
    await server.deliverOssNotification(notification('in/.csv'))
    expect(await keys(2)).toEqual(['in/.csv', 'in/ä b.csv'])
    expect(log.lines.filter((line) => line.includes('no trigger listens'))).toHaveLength(others.length)
  })

  it('with a star listens to every event of that kind', async () => {
    const { server, keys } = await start({ events: ['oss:ObjectCreated:*'] })
    await server.deliverOssNotification(notification('a'))
    await server.deliverOssNotification(notification('b', 'ObjectCreated:CompleteMultipartUpload'))
    await server.deliverOssNotification(notification('c', 'ObjectRemoved:DeleteObject'))
    expect(await keys(2)).toEqual(['a', 'b'])
  })

  it('gets each event of a notification by itself, as it came', async () => {
    const { server, keys } = await start({ prefix: 'in/' })
    const events = ['in/1', 'out/2', 'in/3'].flatMap((key) => notification(key).events)
    await server.deliverOssNotification({ events })
    expect(await keys(2)).toEqual(['in/1', 'in/3'])
  })
})

describe('rules of one bucket', () => {
  const startWith = async (...rules: readonly Rule[]) => {
    const named = rules.map((rule, index) => ({ name: `r${index}`, ...rule }))
    const server = await startTestFc(await tempDir('fc-overlap'), {
      one: withRules(...named.slice(0, 1)),
      two: withRules(...named.slice(1)),
    })
    await server.close()
  }
  const overlap = 'Cannot specify overlapping prefix and suffix with same event type: r0 and r1'

  it.each<[Rule, Rule]>([
    [{ prefix: 'in/' }, { prefix: 'in/a/' }],
    [{ prefix: '' }, { prefix: 'in/', suffix: '.csv' }],
    [
      { prefix: 'in/', suffix: 'csv' },
      { prefix: 'in/', suffix: '.csv' },
    ],
    [{ prefix: 'in/' }, { prefix: 'in/', events: ['oss:ObjectCreated:*'] }],
    [{ prefix: 'in/', events: ['oss:ObjectCreated:CopyObject', put] }, { prefix: 'in/' }],
  ])('%o and %o are refused as overlapping, in the words of the cloud', async (one, other) => {
    await expect(startWith(one, other)).rejects.toMatchObject({ code: 'platform/misconfigured', message: overlap })
  })

  it.each<[Rule, Rule]>([
    [{ prefix: 'in/a/' }, { prefix: 'in/b/' }],
    [
      { prefix: 'in/', suffix: '.csv' },
      { prefix: 'in/', suffix: '.txt' },
    ],
    [{ prefix: 'in/' }, { prefix: 'in/', bucket: 'other' }],
    [{ prefix: 'in/' }, { prefix: 'in/', events: ['oss:ObjectCreated:CopyObject'] }],
    [
      { prefix: 'in/', events: ['oss:ObjectCreated:*'] },
      { prefix: 'in/', events: ['oss:ObjectRemoved:*'] },
    ],
  ])('%o and %o are taken', async (one, other) => {
    await startWith(one, other)
  })
})
