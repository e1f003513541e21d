import { type Answer, objectHeaders } from './answer.ts'
import type { Bucket } from './bucket.ts'
import { lendSegments, type StoredObject } from './object-files.ts'
import { noSuchKey, OssRefusal } from './refusal.ts'
import type { OssRequest } from './request.ts'

export function getObject(bucket: Bucket, key: string, { headers, query }: OssRequest): Answer {
  const object = bucket.find(key)
  if (object === null) throw noSuchKey()
  const unchanged = checkConditions(object, headers)
  if (unchanged) return { status: 304, headers: objectHeaders(object) }
  const range = rangeOf(headers.range, object.size, headers['x-oss-range-behavior'] === 'standard')
  const { start, end } = range ?? { start: 0, end: object.size }
  return {
    status: range === null ? 200 : 206,
    headers: {
      ...objectHeaders(object),
      ...overrides(query),
      'content-length': end - start,
      ...(range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${object.size}` }),
    },
    body: lendSegments(bucket.dir, object.segments, start, end),
    release: bucket.hold(object),
  }
}

/** A signed URL may say under which headers a browser gets the object: `response-content-type` and its like. */
function overrides(query: ReadonlyMap<string, string>): Record<string, string> {
  const given = [...query].filter(([name]) => overridable.has(name))
  return Object.fromEntries(given.map(([name, value]) => [name.slice('response-'.length), headerText(value)]))
}

const overridable = new Set(
  ['content-type', 'content-language', 'expires', 'cache-control', 'content-disposition', 'content-encoding'].map(
    (name) => `response-${name}`,
  ),
)

/** Node writes headers as Latin-1; UTF-8 goes through it byte by byte. A line break would start a header of its own. */
const headerText = (value: string) => Buffer.from(value.replaceAll(/[\r\n\0]/g, ' ')).toString('latin1')

export function headObject(bucket: Bucket, key: string, { headers, query }: OssRequest): Answer {
  const object = bucket.find(key)
  if (object === null) throw noSuchKey()
  const unchanged = checkConditions(object, headers)
  const all = objectHeaders(object)
  const few = { etag: all.etag ?? '', 'last-modified': all['last-modified'] ?? '' }
  const shown = query.has('objectMeta') ? few : all
  return { status: unchanged ? 304 : 200, headers: { ...shown, 'content-length': object.size } }
}

/** @returns true for 304. @throws 412 */
function checkConditions(object: StoredObject, headers: Readonly<Record<string, string>>): boolean {
  const etags = (text: string) => text.split(',').map((etag) => etag.trim().replaceAll('"', '').toUpperCase())
  const match = headers['if-match']
  const noneMatch = headers['if-none-match']
  const modifiedAt = Math.floor(Date.parse(object.lastModified) / 1000) * 1000
  const unmodifiedSince = Date.parse(headers['if-unmodified-since'] ?? '')
  if (match !== undefined && match !== '*' && !etags(match).includes(object.etag)) throw preconditionFailed()
  if (Number.isFinite(unmodifiedSince) && modifiedAt > unmodifiedSince) throw preconditionFailed()
  if (noneMatch !== undefined) return noneMatch === '*' || etags(noneMatch).includes(object.etag)
  const modifiedSince = Date.parse(headers['if-modified-since'] ?? '')
  return Number.isFinite(modifiedSince) && modifiedAt <= modifiedSince
}

const preconditionFailed = () =>
  new OssRefusal(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold.')

/**
 * A range that is not wholly inside the object gives the whole object with 200, as on the cloud, unless
 * `x-oss-range-behavior: standard` asks for clipping and 416 (fc-oss.md §7.4). null: the whole object.
 */
function rangeOf(text: string | undefined, size: number, standard: boolean): { start: number; end: number } | null {
  const found = /^bytes=(\d*)-(\d*)$/.exec(text ?? '')
  if (found === null || (found[1] === '' && found[2] === '')) return null
  const suffix = found[1] === ''
  const start = suffix ? Math.max(0, size - Number(found[2])) : Number(found[1])
  const last = suffix || found[2] === '' ? size - 1 : Number(found[2])
  if (last < start && !suffix) return null
  if (start < size && last < size) return { start, end: last + 1 }
  if (!standard) return null
  if (start >= size) throw new OssRefusal(416, 'InvalidRange', 'The requested range is not satisfiable')
  return { start, end: size }
}
