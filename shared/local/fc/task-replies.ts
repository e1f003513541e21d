import type { Parts } from './parts.ts'
import { FcRefusal } from './refusal.ts'
import type { Task } from './task-store.ts'

export const taskNotFound = (taskId: string) => new FcRefusal(404, 'AsyncTaskNotFound', `task ${taskId} does not exist`)

export function taskOf({ store }: Parts, { functionName, taskId }: { functionName: string; taskId: string }): Task {
  const task = store.find(functionName, taskId)
  if (task === null) throw taskNotFound(taskId)
  return task
}

/** fc-oss.md §3.2. */
export const taskFacts = (task: Task) => ({
  taskId: task.taskId,
  status: task.status,
  requestId: task.requestId,
  startedTime: task.startedAt,
  endTime: task.endedAt,
  durationMs: task.startedAt !== null && task.endedAt !== null ? task.endedAt - task.startedAt : null,
  alreadyRetriedTimes: Math.max(0, task.attempts - 1),
  taskErrorMessage: task.error,
})
