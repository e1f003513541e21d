import { readdir } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { notificationOf, type OssNotification } from '../../../shared/local/oss/notification.ts'
import { openOutbox } from '../../../shared/local/oss/outbox.ts'
import { eventually } from '../../support/fc.ts'
import { keptLog } from '../../support/log.ts'
import { tempDir } from '../../support/temp-dir.ts'

const place = { region: 'cn-hangzhou', accountId: '1' }
const created = (key: string) =>
  notificationOf(
    {
      name: 'ObjectCreated:PutObject',
      bucket: 'bkt',
      requestId: 'R',
      object: { key, etag: 'E', size: 2, deltaSize: 2 },
    },
    place,
  )
const keyOf = ({ events }: OssNotification) => events[0]?.oss.object.key

it('has the JSON that a function with an OSS trigger receives', () => {
  expect(created('in/a.csv')).toEqual({
    events: [
      {
        eventName: 'ObjectCreated:PutObject',
        eventSource: 'acs:oss',
        eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        eventVersion: '1.0',
        oss: {
          bucket: { arn: 'acs:oss:cn-hangzhou:1:bkt', name: 'bkt', ownerIdentity: '1' },
          object: { deltaSize: 2, eTag: 'E', key: 'in/a.csv', size: 2 },
          ossSchemaVersion: '1.0',
          ruleId: expect.stringMatching(/^[0-9a-f]+$/),
        },
        region: 'cn-hangzhou',
        requestParameters: { sourceIPAddress: '127.0.0.1' },
        responseElements: { requestId: 'R' },
        userIdentity: { principalId: '1' },
      },
    ],
  })
})

it('delivers again until the receiver takes an event', async () => {
  const seen: string[] = []
  let failures = 2
  const dir = await tempDir('outbox')
  const deliver = async (notification: OssNotification) => {
    seen.push(keyOf(notification) ?? '')
    failures -= 1
    if (failures >= 0) throw new Error('down')
  }
  const outbox = await openOutbox(dir, { deliver, happened: () => true, log: keptLog() })
  await (await outbox.announce(created('a'))).confirm()
  await eventually(async () => (await readdir(dir)).length === 0)
  expect(seen).toEqual(['a', 'a', 'a'])
  await outbox.close()
})

it('after a crash tells of an announced change only if it came to be', async () => {
  const dir = await tempDir('outbox')
  const seen: (string | undefined)[] = []
  const deliver = async (notification: OssNotification) => void seen.push(keyOf(notification))
  const before = await openOutbox(dir, { deliver, happened: () => false, log: keptLog() })
  await before.announce(created('came to be'))
  await before.announce(created('did not'))
  await before.close()
  expect(seen).toEqual([])
  const happened = (event: OssNotification['events'][number]) => event.oss.object.key === 'came to be'
  const after = await openOutbox(dir, { deliver, happened, log: keptLog() })
  await eventually(async () => (await readdir(dir)).length === 0)
  expect(seen).toEqual(['came to be'])
  await after.close()
})

it('says nothing of a change that failed', async () => {
  const dir = await tempDir('outbox')
  const seen: unknown[] = []
  const deliver = async (notification: OssNotification) => void seen.push(notification)
  const outbox = await openOutbox(dir, { deliver, happened: () => false, log: keptLog() })
  await (await outbox.announce(created('a'))).recheck()
  await outbox.close()
  expect([seen, await readdir(dir)]).toEqual([[], []])
})
