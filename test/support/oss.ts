import type { OssRequests } from '../../shared/aliyun/oss-requests.ts'
import { openOssStore } from '../../shared/aliyun/oss-store.ts'
import type { OssNotification } from '../../shared/local/oss/notification.ts'
import { type OssServer, startOssServer } from '../../shared/local/oss/server.ts'
import type { ObjectStore } from '../../shared/ports/index.ts'
import { keptLog } from './log.ts'

export const ossKeys = { accessKeyId: 'testkey', accessKeySecret: 'testsecret' }
export const stsKeys = { accessKeyId: 'STS.test', accessKeySecret: 'stssecret', securityToken: 'ststoken' }
export const ossRegion = 'cn-hangzhou'

export interface TestOss {
  readonly server: OssServer
  readonly notifications: OssNotification[]
  openStore(bucket: string, keys?: typeof ossKeys, endpoint?: string, idleMs?: number): Promise<ObjectStore>
  /** Requests that were answered well, of all stores together. */
  readonly requests: OssRequests
}

export async function startTestOss(
  dataDir: string,
  port = 0,
  deliver?: (notification: OssNotification) => Promise<void>,
): Promise<TestOss> {
  const notifications: OssNotification[] = []
  const secrets = new Map<string, { accessKeySecret: string; securityToken: string | null }>([
    [ossKeys.accessKeyId, { accessKeySecret: ossKeys.accessKeySecret, securityToken: null }],
    [stsKeys.accessKeyId, stsKeys],
  ])
  const server = await startOssServer({
    dataDir,
    port,
    region: ossRegion,
    accountId: '1000000000000001',
    findSecret: (id) => secrets.get(id) ?? null,
    deliver: deliver ?? (async (notification) => void notifications.push(notification)),
    log: keptLog(),
  })
  const requests: OssRequests = { reads: 0, writes: 0 }
  return {
    server,
    notifications,
    requests,
    openStore: (bucket, keys = ossKeys, endpoint = server.endpoint, idleMs = 30_000) =>
      openOssStore(
        { kind: 'oss', endpoint, region: ossRegion, bucket, credentials: null },
        { credentials: async () => keys, log: keptLog(), idleMs, requests },
      ),
  }
}
