import type { IncomingMessage } from 'node:http'
import { OssRefusal } from './refusal.ts'

/** A request with its bucket and key found, wherever the client has put them. */
export interface OssRequest {
  readonly method: string
  readonly bucket: string | null
  readonly key: string | null
  readonly query: ReadonlyMap<string, string>
  readonly headers: Readonly<Record<string, string>>
  readonly message: IncomingMessage
}

/**
 * ali-oss forges a Host of `<bucket>.<region>.aliyuncs.com` when its endpoint is an IP, and puts the bucket into the path
 * only with `sldEnable` — or, with both, into host and path (fc-oss.md §7.2). A first path segment equal to the host's
 * bucket is then ambiguous; it is read as part of the key, as ali-oss without `sldEnable` means it.
 */
export function parseRequest(message: IncomingMessage): OssRequest {
  const [rawPath = '/', rawQuery = ''] = splitOnce(message.url ?? '/', '?')
  const path = decode(rawPath).replace(/^\//, '')
  const hostBucket = bucketInHost(message.headers.host ?? '')
  const [first = '', rest = ''] = splitOnce(path, '/')
  const bucket = hostBucket ?? (first === '' ? null : first)
  const key = hostBucket === null ? rest : path
  return {
    method: message.method ?? 'GET',
    bucket,
    key: key === '' || key === undefined ? null : checkedKey(key),
    query: parseQuery(rawQuery ?? ''),
    headers: plainHeaders(message),
    message,
  }
}

function bucketInHost(host: string): string | null {
  const found = /^([a-z0-9][a-z0-9_-]*)\.[^/]*\.aliyuncs\.com(:\d+)?$/.exec(host)
  return found?.[1] ?? null
}

/** 1 to 1023 bytes, and neither `/` nor `\` first, as the cloud demands. */
function checkedKey(key: string): string {
  if (Buffer.byteLength(key) <= 1023 && !/^[/\\]/.test(key) && !key.includes('\0')) return key
  throw new OssRefusal(400, 'InvalidObjectName', 'The specified object is not valid.', '0002-00000007')
}

function parseQuery(text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>()
  for (const part of text.split('&')) {
    const [name = '', value = ''] = splitOnce(part, '=')
    if (name !== '') query.set(decode(name), decode((value ?? '').replaceAll('+', ' ')))
  }
  return query
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new OssRefusal(400, 'InvalidURI', 'The request URI is not valid.')
  }
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

function plainHeaders(message: IncomingMessage): Readonly<Record<string, string>> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(',') : value
  }
  return plain
}

/** What an object keeps of the headers it was put with. */
export function storedFacts(headers: Readonly<Record<string, string>>) {
  const kept = Object.entries(headers).filter(([name]) => name.startsWith('x-oss-meta-') || storedHeaders.has(name))
  return { contentType: headers['content-type'] ?? 'application/octet-stream', headers: Object.fromEntries(kept) }
}

const storedHeaders = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
])
