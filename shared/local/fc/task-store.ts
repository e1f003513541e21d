import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'

export const TaskStatus = z.enum(['Enqueued', 'Running', 'Retrying', 'Succeeded', 'Failed', 'Stopped', 'Expired'])
export type TaskStatus = z.infer<typeof TaskStatus>

export const Task = z.object({
  /** Given by the caller, or made up: the request id. */
  taskId: z.string(),
  functionName: z.string(),
  requestId: z.string(),
  /** Base64; dropped once the task has ended. */
  payload: z.string(),
  acceptedAt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  attempts: z.number().int(),
  status: TaskStatus,
  error: z.string().nullable(),
})
export type Task = z.infer<typeof Task>

/** How long an ended task's id is remembered; the cloud does not say (fc-oss.md §10.3). */
const rememberMs = 24 * 3_600_000

/** Accepted tasks on disk, one file each: what was answered 202 survives a killed server. */
export interface TaskStore {
  find(functionName: string, taskId: string): Task | null
  list(functionName: string): Task[]
  unfinished(): Task[]
  save(task: Task): Promise<void>
}

export const isEnded = ({ status }: Pick<Task, 'status'>): boolean =>
  !['Enqueued', 'Running', 'Retrying'].includes(status)

export async function openTaskStore(dir: string): Promise<TaskStore> {
  await mkdir(dir, { recursive: true })
  const tasks = new Map<string, Task>()
  const idOf = (functionName: string, taskId: string) => `${functionName}/${taskId}`
  for (const file of await readdir(dir)) {
    const task = file.endsWith('.json') ? Task.parse(JSON.parse(await readFile(join(dir, file), 'utf8'))) : null
    const forgotten = task === null || (task.endedAt !== null && Date.now() - task.endedAt > rememberMs)
    if (forgotten) await rm(join(dir, file), { force: true })
    else tasks.set(idOf(task.functionName, task.taskId), task)
  }
  const tails = new Map<string, Promise<void>>()

  /** Writes of one task are in order: its last state is the one that stays. */
  function save(task: Task): Promise<void> {
    const id = idOf(task.functionName, task.taskId)
    tasks.set(id, task)
    const file = join(dir, `${createHash('sha1').update(id).digest('hex')}.json`)
    const text = JSON.stringify(isEnded(task) ? { ...task, payload: '' } : task)
    const mine = (tails.get(id) ?? Promise.resolve()).then(() => writeWhole(file, text))
    tails.set(id, mine)
    return mine.finally(() => {
      if (tails.get(id) === mine) tails.delete(id)
    })
  }

  return {
    find: (functionName, taskId) => tasks.get(idOf(functionName, taskId)) ?? null,
    list: (functionName) => [...tasks.values()].filter((task) => task.functionName === functionName),
    unfinished: () => [...tasks.values()].filter((task) => !isEnded(task)).sort((a, b) => a.acceptedAt - b.acceptedAt),
    save,
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, text, { flush: true })
  await rename(draft, file)
}
