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
  /** @returns false when the id is known. Either answer comes when the task is on disk, and neither when it cannot be. */
  add(task: Task): Promise<boolean>
  find(functionName: string, taskId: string): Task | null
  list(functionName: string): Task[]
  /** In the order of arrival. */
  unfinished(): Task[]
  save(task: Task): Promise<void>
  /** In memory alone: what a killed server had begun, the next one begins anew. */
  note(task: Task): void
}

export const isEnded = ({ status }: Pick<Task, 'status'>): boolean =>
  !['Enqueued', 'Running', 'Retrying'].includes(status)

export async function openTaskStore(dir: string, now: () => number = Date.now): Promise<TaskStore> {
  await mkdir(dir, { recursive: true })
  const tasks = new Map<string, Task>()
  /** Ids of ended tasks, the first to end first. */
  const ended = new Map<string, number>()
  const tails = new Map<string, Promise<void>>()

  for (const task of await readTasks(dir)) {
    tasks.set(idOf(task), task)
    if (task.endedAt !== null) ended.set(idOf(task), task.endedAt)
  }
  await forgetOld()

  /** Writes of one task are in order: its last state is the one that stays. A failed one does not stop the next. */
  function inOrder(id: string, write: (file: string) => Promise<void>): Promise<void> {
    const before = tails.get(id) ?? Promise.resolve()
    const mine = before
      .catch(() => undefined)
      .then(() => write(join(dir, `${createHash('sha1').update(id).digest('hex')}.json`)))
    tails.set(id, mine)
    return mine.finally(() => {
      if (tails.get(id) === mine) tails.delete(id)
    })
  }

  async function save(task: Task): Promise<void> {
    const id = idOf(task)
    const kept = isEnded(task) ? { ...task, payload: '' } : task
    tasks.set(id, kept)
    await inOrder(id, (file) => writeWhole(file, JSON.stringify(kept)))
    if (kept.endedAt === null) return
    ended.set(id, kept.endedAt)
    await forgetOld()
  }

  async function forgetOld(): Promise<void> {
    for (const [id, endedAt] of ended) {
      if (now() - endedAt <= rememberMs) return
      ended.delete(id)
      tasks.delete(id)
      await inOrder(id, (file) => rm(file, { force: true }))
    }
  }

  return {
    async add(task) {
      const id = idOf(task)
      if (tasks.has(id)) {
        await tails.get(id)
        return false
      }
      await save(task).catch((error: unknown) => {
        tasks.delete(id)
        throw error
      })
      return true
    },
    find: (functionName, taskId) => tasks.get(idOf({ functionName, taskId })) ?? null,
    list: (functionName) => [...tasks.values()].filter((task) => task.functionName === functionName),
    unfinished: () => [...tasks.values()].filter((task) => !isEnded(task)).sort((a, b) => a.acceptedAt - b.acceptedAt),
    save,
    note: (task) => void tasks.set(idOf(task), task),
  }
}

const idOf = ({ functionName, taskId }: Pick<Task, 'functionName' | 'taskId'>) => `${functionName}/${taskId}`

/** In the order of their ends. Drafts of a server that was killed while it wrote are removed. */
async function readTasks(dir: string): Promise<Task[]> {
  const tasks: Task[] = []
  for (const file of await readdir(dir)) {
    if (file.endsWith('.json')) tasks.push(Task.parse(JSON.parse(await readFile(join(dir, file), 'utf8'))))
    else await rm(join(dir, file), { force: true })
  }
  return tasks.sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0))
}

async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, text, { flush: true })
  await rename(draft, file)
}
