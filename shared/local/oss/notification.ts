import { createHash } from 'node:crypto'

/** The event of fc-oss.md §4.2, as a function with an OSS trigger receives it. */
export interface OssNotification {
  readonly events: readonly {
    readonly eventName: string
    readonly eventSource: 'acs:oss'
    readonly eventTime: string
    readonly eventVersion: '1.0'
    readonly oss: {
      readonly bucket: { readonly arn: string; readonly name: string; readonly ownerIdentity: string }
      readonly object: {
        readonly key: string
        readonly eTag: string
        readonly size: number
        readonly deltaSize: number
      }
      readonly ossSchemaVersion: '1.0'
      readonly ruleId: string
    }
    readonly region: string
    readonly requestParameters: { readonly sourceIPAddress: string }
    readonly responseElements: { readonly requestId: string }
    readonly userIdentity: { readonly principalId: string }
  }[]
}

export interface Happening {
  /** Without the `oss:` prefix that trigger configurations carry. */
  readonly name: string
  readonly bucket: string
  /** Of the request that made the change. */
  readonly requestId: string
  readonly object: {
    readonly key: string
    readonly etag: string
    readonly size: number
    readonly deltaSize: number
  }
}

export function notificationOf(happening: Happening, place: { region: string; accountId: string }): OssNotification {
  const { name, bucket, requestId } = happening
  const { key, etag, size, deltaSize } = happening.object
  const { region, accountId } = place
  return {
    events: [
      {
        eventName: name,
        eventSource: 'acs:oss',
        eventTime: new Date().toISOString(),
        eventVersion: '1.0',
        oss: {
          bucket: { arn: `acs:oss:${region}:${accountId}:${bucket}`, name: bucket, ownerIdentity: accountId },
          object: { key, eTag: etag, size, deltaSize },
          ossSchemaVersion: '1.0',
          ruleId: createHash('sha1').update(bucket).digest('hex'),
        },
        region,
        requestParameters: { sourceIPAddress: '127.0.0.1' },
        responseElements: { requestId },
        userIdentity: { principalId: accountId },
      },
    ],
  }
}
