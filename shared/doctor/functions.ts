import * as z from 'zod'
import { asTransferError } from '../errors/index.ts'
import type { FunctionName } from '../ports/index.ts'
import type { World } from '../run/world.ts'
import { failedBy, passed, type Result, warned } from './finding.ts'

/** What aliyun/ping.ts answers. */
const Pong = z.object({
  function: z.string(),
  version: z.string(),
  node: z.string(),
  timeoutSeconds: z.number(),
  memoryMb: z.number().nullable(),
  reserveSeconds: z.number(),
  stageChunkBytes: z.number(),
})
export type Pong = z.infer<typeof Pong>

const answerWithinMs = 60_000

/** Each function by itself: it is deployed, its settings can be read, and it has the means for what it does. */
export async function checkFunctions(
  world: Pick<World, 'invoker'>,
  names: readonly FunctionName[],
  version: string,
): Promise<Result[]> {
  return await Promise.all(names.map((name) => checkFunction(world, name, version)))
}

async function checkFunction(
  { invoker }: Pick<World, 'invoker'>,
  name: FunctionName,
  version: string,
): Promise<Result> {
  try {
    return judge(name, Pong.parse(await invoker.invokeSync(name, { ping: true }, answerWithinMs)), version)
  } catch (thrown) {
    const error = asTransferError(
      thrown instanceof z.ZodError ? new Error(`${name} gave an answer of another version`) : thrown,
    )
    return failedBy(
      name,
      error,
      error.code === 'internal/bug' ? 'Deploy the functions with `npm run deploy`.' : error.policy.advice,
    )
  }
}

/** A stage holds the chunk it writes, and its copy on the way to OSS, beside 150 MB of its own (measured for a cold start with drivers). */
const stageMemoryMb = (pong: Pong) => 150 + Math.ceil((3 * pong.stageChunkBytes) / (1024 * 1024))

export function judge(name: string, pong: Pong, version: string): Result {
  const { memoryMb, timeoutSeconds, reserveSeconds } = pong
  const facts = `${pong.function} ${pong.version}, ${pong.node}, ${memoryMb ?? '?'} MB, ${timeoutSeconds} s`
  if (pong.version !== version)
    return warned(
      name,
      `${facts}; this command is ${version}`,
      'Deploy the functions with `npm run deploy`, so that all are of one version.',
    )
  if (name === 'stage' && memoryMb !== null && memoryMb < stageMemoryMb(pong))
    return warned(
      name,
      `${facts}; staged chunks of ${pong.stageChunkBytes} bytes want ${stageMemoryMb(pong)} MB`,
      'Raise memorySize of stage in s.yaml, or lower ADBPG_SYNC_STAGE_CHUNK_BYTES.',
    )
  if (timeoutSeconds < 3 * reserveSeconds)
    return warned(
      name,
      `${facts}; ${reserveSeconds} s of them are kept free`,
      'Raise timeout of the function in s.yaml, or lower ADBPG_SYNC_DEADLINE_RESERVE_SECONDS.',
    )
  return passed(name, facts)
}
