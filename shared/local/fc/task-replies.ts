import { type Family, FcRefusal } from './refusal.ts'
import { json, type Reply } from './reply.ts'
import type { Task } from './task-store.ts'

export const taskNotFound = (taskId: string) => new FcRefusal(404, 'AsyncTaskNotFound', `task ${taskId} does not exist`)

export const taskReply = (family: Family, task: Task): Reply => json(factsFor(family, task))

const mostTasks = 100

/** The tasks that the query asks for, oldest first, and where the next page begins. */
export function taskListReply(family: Family, tasks: readonly Task[], query: URLSearchParams): Reply {
  const [status, prefix] = [query.get('status'), query.get('prefix') ?? '']
  const found = tasks.filter((task) => (status === null || task.status === status) && task.taskId.startsWith(prefix))
  const limit = Math.min(Math.max(Number(query.get('limit') ?? mostTasks) || mostTasks, 1), mostTasks)
  const start = found.findIndex(({ taskId }) => taskId === query.get('nextToken')) + 1
  const page = found.slice(start, start + limit)
  const nextToken = start + limit < found.length ? page.at(-1)?.taskId : undefined
  const list = page.map((task) => factsFor(family, task))
  return json(family === '2016-08-15' ? { invocations: list, nextToken } : { tasks: list, nextToken })
}

/** fc-oss.md §3.2. The older family calls a task an invocation. */
function factsFor(family: Family, task: Task): object {
  const { taskId, status, requestId, startedAt, endedAt, attempts, error } = task
  const facts = {
    status,
    requestId,
    startedTime: startedAt,
    endTime: endedAt,
    durationMs: startedAt !== null && endedAt !== null ? endedAt - startedAt : null,
    alreadyRetriedTimes: Math.max(0, attempts - 1),
  }
  return family === '2016-08-15'
    ? { invocationId: taskId, ...facts, invocationErrorMessage: error }
    : { taskId, ...facts, taskErrorMessage: error }
}
