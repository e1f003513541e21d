import { functionSizes, type SizedFunction } from '../cost/function-sizes.ts'
import type { Invocation } from '../run/world.ts'
import type { FunctionContext } from './function-context.ts'
import type { OssRequests } from './oss-requests.ts'

export interface InvocationParts {
  readonly context: Pick<FunctionContext, 'requestId' | 'function'>
  /** `adbpg-sync` in `adbpg-sync-load`. */
  readonly prefix: string
  /** Of this function, where it is not that of s.yaml. */
  readonly vcpu: string | undefined
  readonly requests: OssRequests
}

/** Time counts from here on: the start of an instance before it is not seen. */
export function beginInvocation({ context, prefix, vcpu, requests }: InvocationParts): Invocation {
  const name = context.function.name.slice(prefix.length + 1)
  const size = isSized(name) ? functionSizes[name] : functionSizes.start
  const since = performance.now()
  return {
    requestId: context.requestId,
    vcpu: vcpu ?? size.vcpu,
    memoryMb: context.function.memory ?? size.memoryMb,
    spent: () => ({ milliseconds: Math.ceil(performance.now() - since), ...requests }),
  }
}

const isSized = (name: string): name is SizedFunction => name in functionSizes
