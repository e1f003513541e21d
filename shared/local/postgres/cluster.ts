import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TransferError } from '../../errors/index.ts'
import type { Account } from './account.ts'
import { draftOf, removeDeadDrafts } from './drafts.ts'

/** What has the name of the data folder is whole; this tells it from a folder of somebody else's. */
const wholeMarker = 'adbpg-sync-initialised'

export const superuser = 'adbpg'
export const plainEnvironment = () => ({ PATH: '/usr/bin:/bin', LANG: 'C', TZ: 'UTC' })

/**
 * Makes the data folder where there is none. It gets its name when it is whole: a start that is killed leaves nothing
 * under that name, and of two first starts at once the second takes what the first has made.
 * @throws platform/misconfigured when the folder holds something else
 */
export async function ensureCluster(nativeDir: string, account: Account, password: string): Promise<void> {
  if (await isWhole(account.dataDir)) return
  await removeDeadDrafts(account.dataDir)
  const draft = draftOf(account.dataDir)
  try {
    await mkdir(dirname(draft), { recursive: true })
    await mkdir(draft, { mode: 0o700 })
    await lend(draft, account)
    await initialise(nativeDir, draft, account, password)
    await publish(draft, account.dataDir)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function isWhole(dataDir: string): Promise<boolean> {
  if (existsSync(join(dataDir, wholeMarker))) return true
  const entries = existsSync(dataDir) ? await readdir(dataDir) : []
  // Looked at again: another first start may have published its folder just now.
  if (entries.length === 0 || entries.includes(wholeMarker)) return entries.length > 0
  const message = `${dataDir} is not empty and holds no database of adbpg-sync; choose another folder`
  throw new TransferError('platform/misconfigured', message, { dataDir })
}

/** rename() replaces an empty folder and no other. */
async function publish(draft: string, dataDir: string): Promise<void> {
  try {
    await rename(draft, dataDir)
  } catch (error) {
    if (!(await isWhole(dataDir))) throw error
  }
}

async function initialise(nativeDir: string, dir: string, account: Account, password: string): Promise<void> {
  const passwordDir = draftOf(account.dataDir)
  const passwordFile = join(passwordDir, 'password')
  try {
    await mkdir(passwordDir, { mode: 0o700 })
    await writeFile(passwordFile, password, { mode: 0o600 })
    await lend(passwordDir, account)
    await lend(passwordFile, account)
    const login = ['-U', superuser, '-A', 'md5', `--pwfile=${passwordFile}`]
    const words = ['-D', dir, ...login, '-E', 'UTF8', '--locale=C', '--no-sync']
    await run(join(nativeDir, 'bin', 'initdb'), words, account)
    await writeFile(join(dir, wholeMarker), '')
  } finally {
    await rm(passwordDir, { recursive: true, force: true })
  }
}

async function lend(path: string, account: Account): Promise<void> {
  if (account.lend !== null) await chown(path, account.lend.uid, account.lend.gid)
}

function run(command: string, words: readonly string[], account: Account): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, {
      ...account.lend,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: plainEnvironment(),
    })
    const output = collect(child)
    child.once('error', (cause) => reject(failed(`${command} cannot be run`, cause.message, cause)))
    child.once('close', (code) => (code === 0 ? resolve() : reject(failed(`${command} ended with ${code}`, output()))))
  })
}

/** The last words of a process, for the error that its end becomes. */
export function collect(child: ChildProcess): () => string {
  let text = ''
  const add = (piece: Buffer) => {
    text = (text + piece.toString('utf8')).slice(-4000)
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text
}

export function failed(what: string, output: string, cause?: unknown): TransferError {
  const message = `${what}: ${output.trim().split('\n').slice(-5).join(' | ')}`
  return new TransferError('platform/misconfigured', message, {}, { cause })
}
