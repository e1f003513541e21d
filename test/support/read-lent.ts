/** Reads a range over an endpoint whose certificate only this process trusts (`NODE_EXTRA_CA_CERTS`). */
import { createHash } from 'node:crypto'
import { openOssStore } from '../../shared/aliyun/oss-store.ts'
import { keptLog } from './log.ts'
import { ossKeys } from './oss.ts'

const [endpoint = '', bucket = '', key = '', etag = '', size = ''] = process.argv.slice(2)
const connection = { kind: 'oss', endpoint, region: 'cn-hangzhou', bucket, credentials: null } as const
const store = await openOssStore(connection, { credentials: async () => ossKeys, log: keptLog() })
const hash = createHash('sha256')
const memory = new Set<ArrayBufferLike>()
for await (const piece of store.readRange(key, { start: 0, end: Number(size), etag, lent: true })) {
  hash.update(piece)
  memory.add(piece.buffer)
}
console.log(JSON.stringify({ sha256: hash.digest('hex'), buffers: memory.size }))
