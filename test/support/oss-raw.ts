import { createHmac } from 'node:crypto'
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'
import { ossKeys } from './oss.ts'

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface RawCall {
  readonly method: string
  /** As on the wire, with its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
  readonly date?: Date
}

/** Headers of a V1 signature, for requests that no SDK would send. Sub-resources of `path` are not signed. */
export function signedHeaders(bucket: string, { method, path, headers = {}, date = new Date() }: RawCall) {
  const dated = { ...headers, date: date.toUTCString() }
  const oss = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-oss-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const text = [
    method,
    headers['content-md5'] ?? '',
    headers['content-type'] ?? '',
    dated.date,
    ...oss.map(([name, value]) => `${name}:${value}`),
    `/${bucket}${decodeURIComponent(path.replace(/\?.*$/, ''))}`,
  ].join('\n')
  const signature = createHmac('sha1', ossKeys.accessKeySecret).update(text).digest('base64')
  const host = `${bucket}.oss-cn-hangzhou.aliyuncs.com`
  return { ...dated, host, authorization: `OSS ${ossKeys.accessKeyId}:${signature}` }
}

/** One request of our own making; `mangle` changes the signed headers before they go. */
export function rawCall(
  endpoint: string,
  bucket: string,
  call: RawCall,
  mangle: (headers: OutgoingHttpHeaders) => OutgoingHttpHeaders = (headers) => headers,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(endpoint)
  const length = call.method === 'GET' || call.method === 'HEAD' ? {} : { 'content-length': call.body?.length ?? 0 }
  const headers = mangle({ ...signedHeaders(bucket, call), ...length })
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method: call.method, path: call.path, headers }, (answer) => {
      const pieces: Buffer[] = []
      answer.on('data', (piece: Buffer) => pieces.push(piece))
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(pieces) }),
      )
    })
    sent.on('error', reject)
    sent.end(call.body)
  })
}

/** The code in the XML of a refusal; '' for a success. */
export const codeIn = ({ body }: RawAnswer): string => /<Code>(\w+)<\/Code>/.exec(String(body))?.[1] ?? ''
