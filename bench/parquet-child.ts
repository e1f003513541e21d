/** One measurement in a process of its own, bundled as a function is: `parquet.ts` starts it. */
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { writeParquet } from '../shared/codecs/parquet-write/write-file.ts'
import { parquetIn } from '../shared/connectors/objects/parquet/parquet-source.ts'
import type { ObjectStore } from '../shared/ports/index.ts'

const [, , mode = '', file = ''] = process.argv
const never = new AbortController().signal
const size = statSync(file).size

/** What a reader asks of a store, from a file. */
const store = {
  bucket: 'bench',
  head: async (key: string) => ({ key, etag: 'E', size, lastModified: new Date(0), metadata: {} }),
  async *readRange(_: string, { start, end }: { start: number; end: number }) {
    const handle = openSync(file, 'r')
    for (let at = start; at < end; at += 64 * 1024) {
      const piece = Buffer.allocUnsafe(Math.min(64 * 1024, end - at))
      readSync(handle, piece, 0, piece.length, at)
      yield piece
    }
    closeSync(handle)
  },
} as unknown as ObjectStore

const options = { object: [file], successOnNoObject: false, column: ['*' as const] as ['*'], maxRecordBytes: 1e9 }

async function* copyTextOf(): AsyncGenerator<Uint8Array> {
  const source = parquetIn(store, options, never, null)
  const want = { concurrent: 1, targetBytes: 64e6, arrived: null, increment: null }
  for (const { slice } of (await source.split(want)).slices)
    yield* (
      await source.read(slice, source.offer({ format: 'text', delimiter: '\t', null: '\\N', charset: 'utf-8' }), never)
    ).body
}

async function* textOfFile(): AsyncGenerator<Uint8Array> {
  const handle = await open(file)
  yield* handle.createReadStream({ highWaterMark: 256 * 1024 })
}

/** Of this program alone: what `resourceUsage` tells begins with the parent's. */
const peakRssMB = () => Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1000)
let bytes = 0
const columns = (process.argv[4] ?? '').split(',').map((pair) => {
  const [name = '', type = ''] = pair.split('=')
  return { name, type: type.replace(';', ',') }
})
const work =
  mode === 'read' ? copyTextOf() : writeParquet(textOfFile(), columns, mode === 'write-zstd' ? 'zstd' : 'snappy')
const started = process.cpuUsage()
for await (const piece of work) bytes += piece.length
const { user, system } = process.cpuUsage(started)
console.log(
  JSON.stringify({
    cpuSeconds: (user + system) / 1e6,
    bytes,
    peakRssMB: peakRssMB(),
  }),
)
