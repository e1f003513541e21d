import { type Config, version } from '../config/index.ts'
import type { FunctionContext } from './function-context.ts'

/** An event of any function: it shows that the function runs, with its settings, and does nothing. */
const isPing = (event: Buffer): boolean =>
  event.length < 64 && /^\s*\{\s*"ping"\s*:\s*true\s*\}\s*$/.test(event.toString('utf8'))

/** null: the event is another one. The answer is read by doctor/functions.ts. */
export function answerPing(event: Buffer, context: FunctionContext, config: Config): object | null {
  if (!isPing(event)) return null
  const { name, timeout, memory } = context.function
  return {
    function: name,
    version,
    node: process.version,
    timeoutSeconds: timeout,
    memoryMb: memory ?? null,
    reserveSeconds: config.ADBPG_SYNC_DEADLINE_RESERVE_SECONDS,
    stageChunkBytes: config.ADBPG_SYNC_STAGE_CHUNK_BYTES,
  }
}
