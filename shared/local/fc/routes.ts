import { type Family, FcRefusal } from './refusal.ts'

/** Where a request goes, read from its method and path alone. */
export type Route =
  | { readonly to: 'invoke' | 'function' | 'tasks'; readonly family: Family; readonly functionName: string }
  | {
      readonly to: 'task' | 'stop-task'
      readonly family: Family
      readonly functionName: string
      readonly taskId: string
    }
  | { readonly to: 'http'; readonly functionName: string; readonly path: string }
  | { readonly to: 'nowhere'; readonly family: Family }

const old =
  /^\/2016-08-15\/services\/[^/]+\/functions\/([^/]+)(?:\/(invocations|stateful-async-invocations)(?:\/([^/]+))?)?$/
const current = /^\/2023-03-30\/functions\/([^/]+)(?:\/(invocations|async-tasks)(?:\/([^/]+)(\/stop)?)?)?$/

export const familyOf = (url: string): Family => (url.startsWith('/2016-08-15/') ? '2016-08-15' : '2023-03-30')

/** @throws InvalidArgument for a path that cannot be decoded */
export function routeOf(method: string, url: string): Route {
  const http = /^\/http\/([^/?]+)(.*)$/.exec(url)
  if (http !== null)
    return { to: 'http', functionName: http[1] ?? '', path: http[2]?.startsWith('/') ? http[2] : `/${http[2] ?? ''}` }
  const family = familyOf(url)
  const [path = ''] = url.split('?')
  const [, rawName, kind, rawTask, stop] = (family === '2016-08-15' ? old : current).exec(path) ?? []
  if (rawName === undefined) return { to: 'nowhere', family }
  const functionName = decoded(rawName)
  if (kind === 'invocations' || kind === undefined) {
    const to = kind === undefined ? 'function' : 'invoke'
    const isRight = rawTask === undefined && method === (to === 'invoke' ? 'POST' : 'GET')
    return isRight ? { to, family, functionName } : { to: 'nowhere', family }
  }
  if (rawTask === undefined) return method === 'GET' ? { to: 'tasks', family, functionName } : { to: 'nowhere', family }
  return taskRoute(method, family, functionName, decoded(rawTask), stop !== undefined)
}

/** The current API stops with a PUT of `…/stop`, the older one with a PUT of the task itself. */
function taskRoute(method: string, family: Family, functionName: string, taskId: string, isStop: boolean): Route {
  if (method === 'GET' && !isStop) return { to: 'task', family, functionName, taskId }
  const stops = method === 'PUT' && isStop === (family === '2023-03-30')
  return stops ? { to: 'stop-task', family, functionName, taskId } : { to: 'nowhere', family }
}

export function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new FcRefusal(400, 'InvalidArgument', 'the path is not a valid URL encoding')
  }
}
