import OSS from 'ali-oss'
import { ossKeys } from './oss.ts'

export type Client = OSS & {
  listV2(query: Record<string, string>, options: object): Promise<ListedPage>
  list(query: object, options: object): Promise<ListedPage>
  append(key: string, body: Buffer, options?: object): Promise<{ nextAppendPosition: string }>
  getObjectMeta(key: string): Promise<{ status: number; res: { headers: Record<string, string> } }>
  signatureUrlV4(method: string, expires: number, request: object, key: string): Promise<string>
  uploadPartCopy(key: string, id: string, number: number, range: string, source: object): Promise<{ etag: string }>
  listUploads(query: object): Promise<{ uploads: { name: string; uploadId: string }[]; isTruncated: boolean }>
}

export interface ListedPage {
  readonly objects?: { readonly name: string; readonly size: number; readonly etag: string; readonly owner?: object }[]
  readonly prefixes: string[] | null
  readonly isTruncated: boolean
  readonly nextContinuationToken?: string
  readonly nextMarker?: string
}

/** The real SDK, as a stranger uses it. */
export function aliOss(endpoint: string, bucket: string, options: object = {}): Client {
  const base = { endpoint, region: 'oss-cn-hangzhou', bucket, ...ossKeys, authorizationV4: true }
  return new OSS({ ...base, ...options } as OSS.Options) as Client
}

/** The code and status of a refusal as the SDK tells them; `ok` when there was none. */
export const refusalOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: { code?: string; status?: number }) => `${error.status} ${error.code}`,
  )
