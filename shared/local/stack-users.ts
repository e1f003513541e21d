import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readRunningStack } from './find-stack.ts'
import type { StackFile } from './stack.ts'

/*
 * A stack that a command has started for itself may be found by others. Who works on it leaves a file with its process id; the
 * owner first withdraws `stack.json` and then waits for those there are, and a user first writes its file and then looks
 * whether `stack.json` is still there. So one of the two sees the other, whatever the order.
 */

const usersDir = (stateDir: string) => join(stateDir, 'users')

export interface JoinedStack {
  readonly file: StackFile
  leave(): Promise<void>
}

/** The stack that runs in this folder, kept until `leave`; null when none does. @throws as `readRunningStack` */
export async function joinStack(stateDir: string): Promise<JoinedStack | null> {
  if ((await readRunningStack(stateDir)) === null) return null
  const entry = join(usersDir(stateDir), `${process.pid}-${randomUUID()}`)
  await mkdir(usersDir(stateDir), { recursive: true })
  await writeFile(entry, '')
  const leave = () => rm(entry, { force: true })
  const file = await readRunningStack(stateDir).catch(async (error: unknown) => {
    await leave()
    throw error
  })
  if (file !== null) return { file, leave }
  await leave()
  return null
}

/** Whether somebody works on the stack. What a killed process left behind is removed. */
export async function hasUsers(stateDir: string): Promise<boolean> {
  const names = await readdir(usersDir(stateDir)).catch(emptyWhenMissing)
  const isThere = await Promise.all(names.map((name) => isOfLiving(stateDir, name)))
  return isThere.includes(true)
}

const isCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code

/** The folder comes with the first user. */
function emptyWhenMissing(error: unknown): string[] {
  if (isCode(error, 'ENOENT')) return []
  throw error
}

async function isOfLiving(stateDir: string, name: string): Promise<boolean> {
  if (isLiving(Number(name.split('-')[0]))) return true
  await rm(join(usersDir(stateDir), name), { force: true })
  return false
}

function isLiving(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Of another user, but there.
    return isCode(error, 'EPERM')
  }
}
