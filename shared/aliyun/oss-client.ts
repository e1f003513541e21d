import type OSS from 'ali-oss'
import type { OssConnection } from '../ports/index.ts'
import { lendBodies } from './lent-body.ts'

export type OssCredentials = () => Promise<{
  accessKeyId: string
  accessKeySecret: string
  securityToken?: string
}>

/** What ali-oss has and its types leave out (fc-oss.md §7.1). */
export type OssClient = OSS & {
  deleteMulti(keys: string[], options: { quiet: boolean }): Promise<unknown>
  listV2(
    query: Record<string, string>,
    options: object,
  ): Promise<{
    objects?: { name: string; etag: string; size: number; lastModified: string }[]
    nextContinuationToken?: string
    isTruncated?: boolean
  }>
}

export type Headers = Readonly<Record<string, string | undefined>>

/** V4 signatures only, as new buckets refuse V1; an IP endpoint is addressed without `sldEnable` (fc-oss.md §7.2). */
export async function connectOss(connection: OssConnection, credentials: OssCredentials): Promise<OssClient> {
  const { default: Oss } = await import('ali-oss')
  const { accessKeyId, accessKeySecret, securityToken } = await credentials()
  const refreshed = async () => {
    const next = await credentials()
    return { accessKeyId: next.accessKeyId, accessKeySecret: next.accessKeySecret, stsToken: next.securityToken ?? '' }
  }
  const client = new Oss({
    endpoint: connection.endpoint,
    region: connection.region.startsWith('oss-') ? connection.region : `oss-${connection.region}`,
    bucket: connection.bucket,
    accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined
      ? {}
      : { stsToken: securityToken, refreshSTSToken: refreshed, refreshSTSTokenInterval: 300_000 }),
    authorizationV4: true,
    secure: connection.endpoint.startsWith('https:'),
    timeout: 60_000,
  } as OSS.Options) as OssClient
  lendBodies(client)
  return client
}

/** The form that OSS events carry: upper case, without quotes. */
export const bareEtag = (etag: unknown) =>
  String(etag ?? '')
    .replaceAll('"', '')
    .toUpperCase()
