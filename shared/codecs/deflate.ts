import { pipeline } from 'node:stream'
import { createGzip } from 'node:zlib'

const windowBytes = 256 * 1024

/**
 * Level 1 gives 115 MB/s a core and level 6 gives 26 (perf.md §4), where one session of COPY TO gives 90: a higher level would
 * be what an export waits for.
 */
const level = 1

/** One gzip stream of all bytes. @throws what the source throws */
export async function* gzipped(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const engine = createGzip({ level, chunkSize: windowBytes })
  let failed: Error | null = null
  pipeline(source, engine, (error) => {
    failed ??= error ?? null
  })
  try {
    yield* engine as AsyncIterable<Buffer>
  } catch (error) {
    throw failed ?? error
  }
}
