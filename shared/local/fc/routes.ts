import type { Family } from './refusal.ts'

/** Where a request goes, read from its path alone. */
export type Route =
  | { readonly to: 'invoke'; readonly family: Family; readonly functionName: string }
  | { readonly to: 'function'; readonly family: Family; readonly functionName: string }
  | { readonly to: 'tasks'; readonly family: Family; readonly functionName: string }
  | { readonly to: 'task'; readonly family: Family; readonly functionName: string; readonly taskId: string }
  | { readonly to: 'stop-task'; readonly family: Family; readonly functionName: string; readonly taskId: string }
  | { readonly to: 'http'; readonly functionName: string; readonly path: string }
  | { readonly to: 'nowhere'; readonly family: Family }

const old =
  /^\/2016-08-15\/services\/[^/]+\/functions\/([^/]+)(?:\/(invocations|stateful-async-invocations)(?:\/([^/]+))?)?$/
const current = /^\/2023-03-30\/functions\/([^/]+)(?:\/(invocations|async-tasks)(?:\/([^/]+)(\/stop)?)?)?$/

export function routeOf(method: string, url: string): Route {
  const path = url.split('?')[0] ?? ''
  const http = /^\/http\/([^/?]+)(.*)$/.exec(url)
  if (http !== null)
    return { to: 'http', functionName: http[1] ?? '', path: http[2]?.startsWith('/') ? http[2] : `/${http[2] ?? ''}` }
  const family: Family = path.startsWith('/2016-08-15/') ? '2016-08-15' : '2023-03-30'
  const [, rawName, kind, rawTask, stop] = (family === '2016-08-15' ? old : current).exec(path) ?? []
  if (rawName === undefined) return { to: 'nowhere', family }
  const functionName = decodeURIComponent(rawName)
  const taskId = rawTask === undefined ? null : decodeURIComponent(rawTask)
  if (kind === 'invocations' && taskId === null && method === 'POST') return { to: 'invoke', family, functionName }
  if (kind === undefined && method === 'GET') return { to: 'function', family, functionName }
  if (kind === 'invocations' || kind === undefined) return { to: 'nowhere', family }
  if (taskId === null) return { to: 'tasks', family, functionName }
  return { to: stop === '/stop' && method === 'PUT' ? 'stop-task' : 'task', family, functionName, taskId }
}
