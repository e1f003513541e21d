import { openWorld } from '../aliyun/world.ts'
import { readConfig } from '../config/index.ts'
import { TransferError } from '../errors/index.ts'
import type { StackFile } from '../local/stack.ts'
import type { Log } from '../ports/index.ts'
import type { Deadline, World } from '../run/world.ts'
import { accessTo, findOrStartStack, type LocalAccess } from './local-stack.ts'
import type { Output } from './output.ts'
import type { Vault } from './vault.ts'

/** What a verb works with: the same world as a function's, reached with the caller's own keys. */
export interface Session extends AsyncDisposable {
  readonly world: World
  readonly deadline: Deadline
  /** The functions stop together with this command, which has started them. */
  readonly isStackOwn: boolean
  /** Where `run` keeps the caller's secrets; null on the cloud, where they are set at deployment. */
  readonly vault: Vault | null
}

/**
 * With `ADBPG_SYNC_BUCKET` in the environment, the cloud; otherwise the local stack of this folder, started for the
 * duration of the command when it is not up.
 */
export async function openSession(
  environment: Readonly<Record<string, string | undefined>>,
  output: Output,
  log: Log,
  signal: AbortSignal,
): Promise<Session> {
  if (environment.ADBPG_SYNC_BUCKET !== undefined) return await openCloud(environment, log, signal)
  return await localSession(environment, await findOrStartStack(environment, output, log, signal), log, signal)
}

/** A session on a stack that this process has started itself, and stops itself. */
export async function openLocalSession(
  environment: Readonly<Record<string, string | undefined>>,
  file: StackFile,
  log: Log,
  signal: AbortSignal,
): Promise<Session> {
  return await localSession(environment, accessTo(file, { isOwn: false, release: async () => undefined }), log, signal)
}

async function localSession(
  environment: Readonly<Record<string, string | undefined>>,
  local: LocalAccess,
  log: Log,
  signal: AbortSignal,
): Promise<Session> {
  const laid = { ...environment, ...local.environment }
  const { region, accountId, credentials } = local
  const world = await openWorld({
    config: readConfig(laid),
    environment: laid,
    context: { region, accountId, credentials },
    log,
  })
  const vault = {
    ...local.vault,
    key: environment.ADBPG_SYNC_VAULT_KEY,
    callerVariable: (name: string) => (Object.hasOwn(local.environment, name) ? undefined : environment[name]),
  }
  return {
    world,
    deadline: unlimited(signal),
    isStackOwn: local.isOwn,
    vault,
    [Symbol.asyncDispose]: local.release,
  }
}

async function openCloud(
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
  signal: AbortSignal,
): Promise<Session> {
  const read = (name: string): string => {
    const value = environment[name]
    if (value === undefined || value === '')
      throw new TransferError('platform/misconfigured', `${name} is not set`, { name })
    return value
  }
  const token = environment.ALIBABA_CLOUD_SECURITY_TOKEN
  const credentials = {
    accessKeyId: read('ALIBABA_CLOUD_ACCESS_KEY_ID'),
    accessKeySecret: read('ALIBABA_CLOUD_ACCESS_KEY_SECRET'),
    ...(token === undefined ? {} : { securityToken: token }),
  }
  const context = { region: read('ADBPG_SYNC_REGION'), accountId: read('ADBPG_SYNC_ACCOUNT_ID'), credentials }
  const world = await openWorld({ config: readConfig(environment), environment, context, log })
  return {
    world,
    deadline: unlimited(signal),
    isStackOwn: false,
    vault: null,
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** A command ends when its user says so, not at a platform's limit. */
const unlimited = (signal: AbortSignal): Deadline => ({ signal, softAt: new Date(8.64e15) })
