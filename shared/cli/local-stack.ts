import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TransferError } from '../errors/index.ts'
import { prepareStateFolder, type Stack, type StackFile, startStack } from '../local/stack.ts'
import { hasUsers, type JoinedStack, joinStack } from '../local/stack-users.ts'
import type { Log } from '../ports/index.ts'
import { collectRarely } from '../run/collect-rarely.ts'
import { buildFunctions } from './build-functions.ts'
import { registerLocalDatasources } from './local-datasources.ts'
import type { Output } from './output.ts'

export const projectDir = fileURLToPath(new URL('../..', import.meta.url))

export const stateDirOf = (environment: Readonly<Record<string, string | undefined>>): string =>
  environment.ADBPG_SYNC_HOME || join(process.cwd(), '.adbpg-sync')

export interface LocalAccess {
  readonly environment: Readonly<Record<string, string>>
  readonly region: string
  readonly accountId: string
  readonly credentials: { readonly accessKeyId: string; readonly accessKeySecret: string }
  readonly vault: { readonly dir: string; readonly keyFile: string | undefined }
  /** The stack was started for this command. */
  readonly isOwn: boolean
  /** Stops what was started for this command, or lets go of what was found. */
  readonly release: () => Promise<void>
}

/** Bundles the functions, then starts the servers: what runs is always what the sources say. */
export async function startLocalStack(
  stateDir: string,
  log: Log,
  caller: Readonly<Record<string, string | undefined>>,
): Promise<Stack> {
  // Told before the functions are built, which takes seconds.
  await prepareStateFolder(stateDir)
  await buildFunctions(projectDir, join(projectDir, 'dist'))
  collectRarely()
  const environment = { ...pickedFrom(caller, tunable), ADBPG_SYNC_VAULT_KEY_FILE: keyFileOf(caller) }
  return await startStack({
    projectDir,
    stateDir,
    environment,
    secrets: pickedFrom(caller, passedOn),
    nodeOptions: (caller.ADBPG_SYNC_NODE_OPTIONS ?? '').split(' ').filter((option) => option !== ''),
    prepare: (file) => registerLocalDatasources(file, log),
    log,
  })
}

/** Settings of the functions that a caller may lay over their defaults. */
const tunable =
  /^ADBPG_SYNC_(CHUNK_BYTES|GUESS_FROM_BYTES|STAGE_CHUNK_BYTES|FC_API|KMS_ENDPOINT|DATASOURCES|\w+_SECONDS)$/
/** The secrets that `s.yaml` passes on, and the key of the vault. */
const passedOn = /^(ADBPG_PASSWORD|OSS_SECRET|PG_PASSWORD|ADBPG_SYNC_VAULT_KEY)$/

/** Outside of the stack's folder: who copies that has sealed secrets and no key. */
const keyFileOf = (caller: Caller) =>
  caller.ADBPG_SYNC_VAULT_KEY_FILE ??
  join(caller.XDG_CONFIG_HOME ?? join(caller.HOME ?? homedir(), '.config'), 'adbpg-sync', 'vault.key')

type Caller = Readonly<Record<string, string | undefined>>

function pickedFrom(caller: Caller, names: RegExp): Record<string, string> {
  const entries = Object.entries(caller).flatMap(([name, value]) =>
    value !== undefined && names.test(name) ? [[name, value] as const] : [],
  )
  return Object.fromEntries(entries)
}

/** The stack of the folder: found and kept while this command works on it, or started and stopped for it. */
export async function findOrStartStack(
  environment: Readonly<Record<string, string | undefined>>,
  output: Output,
  log: Log,
  signal: AbortSignal,
): Promise<LocalAccess> {
  const stateDir = stateDirOf(environment)
  let isTold = false
  for (const until = Date.now() + startWithinMs; ; ) {
    const joined = await joinWithin(stateDir, isTold ? againAfterMs : 0)
    if (joined !== null) return accessTo(joined.file, { isOwn: false, release: joined.leave })
    if (!isTold) output.note('starting the local stack for this command (`npx adbpg-sync up` keeps one running)')
    try {
      const stack = await startLocalStack(stateDir, log, environment)
      return accessTo(stack.file, { isOwn: true, release: () => stopUnused(stack, stateDir, output, signal) })
    } catch (error) {
      if (!(error instanceof TransferError) || error.code !== 'platform/stack-busy' || Date.now() > until) throw error
      if (!isTold) output.note('another command is starting a stack in this folder; waiting for it')
      isTold = true
    }
  }
}

/** Of two commands that start a stack at the same time, the second works on the first's. */
const startWithinMs = 60_000
/** The first may end before the second has found it; then the second tries once more itself. */
const againAfterMs = 5_000

async function joinWithin(stateDir: string, waitMs: number): Promise<JoinedStack | null> {
  for (const until = Date.now() + waitMs; ; await sleep(200)) {
    const joined = await joinStack(stateDir)
    if (joined !== null || Date.now() >= until) return joined
  }
}

/** Others may work on it by now; only Ctrl-C takes it from them. */
async function stopUnused(stack: Stack, stateDir: string, output: Output, signal: AbortSignal): Promise<void> {
  await stack.withdraw()
  for (let isTold = false; !signal.aborted && (await hasUsers(stateDir)); isTold = true) {
    if (!isTold) output.note('another command works on this stack; it is stopped when that has ended')
    await sleep(200, undefined, { signal }).catch(() => undefined)
  }
  await stack[Symbol.asyncDispose]()
}

export function accessTo(file: StackFile, held: Pick<LocalAccess, 'isOwn' | 'release'>): LocalAccess {
  const { accessKeyId, accessKeySecret, region, accountId } = file.address.fc
  const { ADBPG_SYNC_VAULT_DIR: dir = '', ADBPG_SYNC_VAULT_KEY_FILE: keyFile } = file.environment
  return {
    environment: file.environment,
    region,
    accountId,
    credentials: { accessKeyId, accessKeySecret },
    vault: { dir, keyFile },
    ...held,
  }
}
