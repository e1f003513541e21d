import type { StoredObject } from './object-files.ts'

/** What a route gives: sent by the server, which adds the request id and, for refusals, the error. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | number>>
  /** A piece may lie in memory that is used again once the next but one is asked for. */
  readonly body?: string | AsyncIterable<Uint8Array>
  /** Called once the body was sent, or the client has gone. */
  readonly release?: () => Promise<void>
}

export const xml = (body: string, headers: Answer['headers'] = {}): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/xml', ...headers },
  body,
})

export function objectHeaders(object: StoredObject): Record<string, string | number> {
  return {
    ...object.headers,
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.lastModified).toUTCString(),
    'content-type': object.contentType,
    'accept-ranges': 'bytes',
    'x-oss-object-type': object.type,
    'x-oss-storage-class': 'Standard',
    'x-oss-hash-crc64ecma': object.crc64,
    ...(object.type === 'Appendable' ? { 'x-oss-next-append-position': object.size } : {}),
  }
}
