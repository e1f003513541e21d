import { type Config, openSecrets, type SecretPlaces } from '../config/index.ts'
import { findReader, findWriter } from '../connectors/find-connector.ts'
import { TransferError } from '../errors/index.ts'
import { connectMysql } from '../mysql/session.ts'
import type { Invoker, Log, ObjectStore, OssConnection, Secrets } from '../ports/index.ts'

import { connectSql } from '../postgres/session.ts'
import { openWarmSessions, type WarmSessions } from '../postgres/warm-sessions.ts'
import { openRemembered, type Remembered } from '../run/remembered.ts'
import type { World } from '../run/world.ts'
import { crashAt } from './crash.ts'
import type { FunctionContext } from './function-context.ts'
import { beginInvocation, type InvocationParts } from './invocation.ts'
import { openFc2Invoker } from './invoker-fc2.ts'
import { openFc3Invoker } from './invoker-fc3.ts'
import { readKmsSecret } from './kms.ts'
import type { OssRequests } from './oss-requests.ts'
import { openOssStore } from './oss-store.ts'

export interface WorldParts {
  readonly config: Config
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly context: Pick<FunctionContext, 'region' | 'accountId' | 'credentials'>
  readonly log: Log
  /** Of a function that works for a run; absent: a command, or the API. */
  readonly invocation?: InvocationParts['context']
  /** Of an instance that serves more than one request. */
  readonly warm?: Warm
}

/** What an instance keeps from one request to the next. */
export interface Warm {
  readonly sessions: WarmSessions
  readonly remembered: Remembered
}

export const openWarm = (): Warm => ({ sessions: openWarmSessions(), remembered: openRemembered() })

/** The one place where ports meet adapters: the same for a function, the CLI and the API. */
export async function openWorld(parts: WorldParts): Promise<World> {
  const { config, log, warm } = parts
  const secrets = openSecrets(secretPlaces(parts))
  const requests: OssRequests = { reads: 0, writes: 0 }
  const invocation = invocationOf(parts, requests)
  return {
    settings: {
      chunkBytes: config.ADBPG_SYNC_CHUNK_BYTES,
      guessFromBytes: config.ADBPG_SYNC_GUESS_FROM_BYTES,
      stageChunkBytes: config.ADBPG_SYNC_STAGE_CHUNK_BYTES,
      leaseMs: config.ADBPG_SYNC_LEASE_SECONDS * 1000,
      deadlineReserveMs: config.ADBPG_SYNC_DEADLINE_RESERVE_SECONDS * 1000,
      scheduleLookbackMs: config.ADBPG_SYNC_SCHEDULE_LOOKBACK_SECONDS * 1000,
      datasources: config.ADBPG_SYNC_DATASOURCES,
      prices: config.ADBPG_SYNC_PRICES,
    },
    invocation,
    clock: { now: () => new Date() },
    log,
    secrets,
    invoker: openInvoker(parts),
    store: await openHomeStore(parts, secrets, requests),
    findReader,
    findWriter,
    openStore: (connection) => openConnectedStore(parts, secrets, connection, requests),
    connectSql: (connection, signal, sparedSlots = 0) =>
      connectSql(connection, {
        secrets,
        applicationName: 'adbpg-sync',
        signal,
        log,
        sparedSlots,
        ...(warm && { warm: warm.sessions }),
      }),
    connectMysql: (connection, signal) => connectMysql(connection, { secrets, signal, log }),
    ...(warm && { remembered: warm.remembered }),
    reach: crashAt(config.ADBPG_SYNC_CRASH_FILE),
  }
}

function invocationOf({ config, invocation: context }: WorldParts, requests: OssRequests): World['invocation'] {
  if (context === undefined) return null
  const prefix = config.ADBPG_SYNC_FUNCTION_PREFIX
  return beginInvocation({ context, prefix, vcpu: config.ADBPG_SYNC_VCPU, requests })
}

function secretPlaces(parts: WorldParts): SecretPlaces {
  const { config, context, environment } = parts
  const region = config.ADBPG_SYNC_REGION ?? context.region
  const kms = {
    endpoint: config.ADBPG_SYNC_KMS_ENDPOINT ?? `https://kms-vpc.${region}.aliyuncs.com`,
    region,
    credentials: roleKeys(parts),
  }
  const dir = config.ADBPG_SYNC_VAULT_DIR
  const key = { key: config.ADBPG_SYNC_VAULT_KEY, keyFile: config.ADBPG_SYNC_VAULT_KEY_FILE }
  return { environment, vault: dir === undefined ? null : { dir, ...key }, readKms: (name) => readKmsSecret(kms, name) }
}

type Keys = { accessKeyId: string; accessKeySecret: string; securityToken?: string }

function roleKeys({ context }: WorldParts): () => Promise<Keys> {
  return async () => {
    const keys = context.credentials
    if (keys === undefined)
      throw new TransferError('platform/misconfigured', 'the function has no role, so no credentials')
    const { accessKeyId, accessKeySecret, securityToken } = keys
    return { accessKeyId, accessKeySecret, ...(securityToken === undefined ? {} : { securityToken }) }
  }
}

const ossEndpoint = ({ config, context }: WorldParts) =>
  config.ADBPG_SYNC_OSS_ENDPOINT ?? `https://oss-${context.region}-internal.aliyuncs.com`

async function openHomeStore(parts: WorldParts, secrets: Secrets, requests: OssRequests): Promise<ObjectStore> {
  const { config, context } = parts
  const region = config.ADBPG_SYNC_REGION ?? context.region
  const home = {
    kind: 'oss',
    endpoint: ossEndpoint(parts),
    region,
    bucket: config.ADBPG_SYNC_BUCKET,
    credentials: null,
  } as const
  return await openConnectedStore(parts, secrets, home, requests)
}

async function openConnectedStore(
  parts: WorldParts,
  secrets: Secrets,
  connection: OssConnection,
  requests: OssRequests,
): Promise<ObjectStore> {
  const own = connection.credentials
  const credentials =
    own === null
      ? roleKeys(parts)
      : async () => ({ accessKeyId: own.accessKeyId, accessKeySecret: await secrets.resolve(own.accessKeySecret) })
  return await openOssStore(connection, { credentials, log: parts.log, requests })
}

function openInvoker(parts: WorldParts): Invoker {
  const { config, context } = parts
  const region = config.ADBPG_SYNC_REGION ?? context.region
  const accountId = config.ADBPG_SYNC_ACCOUNT_ID ?? context.accountId
  const common = {
    endpoint: config.ADBPG_SYNC_FC_ENDPOINT ?? `https://${accountId}.${region}-internal.fc.aliyuncs.com`,
    accountId,
    region,
    credentials: roleKeys(parts),
    functionName: (name: string) => `${config.ADBPG_SYNC_FUNCTION_PREFIX}-${name}`,
  }
  return config.ADBPG_SYNC_FC_API === '2016-08-15'
    ? openFc2Invoker({ ...common, serviceName: config.ADBPG_SYNC_FC_SERVICE })
    : openFc3Invoker(common)
}
