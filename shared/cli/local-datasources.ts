import { openOssStore } from '../aliyun/oss-store.ts'
import { TransferError } from '../errors/index.ts'
import { connectionOf, type Datasource } from '../job/index.ts'
import { superuser } from '../local/postgres/server.ts'
import { homeBucket, region, type StackFile } from '../local/stack.ts'
import type { Log, PostgresConnection } from '../ports/index.ts'
import { findDatasource } from '../run/datasources.ts'
import type { World } from '../run/world.ts'
import { datasourceKey } from '../staging/keys.ts'

/** What a script on the local stack may name: the ADBPG of the stack, a PostgreSQL to copy from, and its bucket. */
function localDatasources({ address }: StackFile): Record<string, Datasource> {
  const { hostname: host, port } = new URL(address.postgres.url)
  const database = {
    host,
    port: Number(port),
    username: superuser,
    password: 'env:ADBPG_LOCAL_PASSWORD',
    ssl: 'disable',
  } as const
  return {
    adbpg_local: { type: 'adbpg', ...database, database: 'adbpg' },
    pg_local: { type: 'postgresql', ...database, database: 'source' },
    oss_local: {
      type: 'oss',
      endpoint: address.oss.endpoint,
      region,
      bucket: homeBucket,
      accessId: address.oss.accessKeyId,
      accessKey: 'env:OSS_LOCAL_SECRET',
    },
  }
}

export async function registerLocalDatasources(file: StackFile, log: Log): Promise<void> {
  const { endpoint, bucket, accessKeyId, accessKeySecret } = file.address.oss
  const connection = { kind: 'oss', endpoint, region, bucket, credentials: null } as const
  const store = await openOssStore(connection, { credentials: async () => ({ accessKeyId, accessKeySecret }), log })
  for (const [name, datasource] of Object.entries(localDatasources(file))) {
    await store.put(datasourceKey(name), Buffer.from(JSON.stringify(datasource, null, 2)), {
      contentType: 'application/json',
    })
  }
}

/** @throws job/unknown-datasource */
export async function findConnection(
  world: Pick<World, 'store' | 'settings'>,
  name: string,
): Promise<PostgresConnection> {
  const found = await findDatasource(world, {}, name)
  const connection = found === null ? null : connectionOf(found.datasource)
  if (connection?.kind === 'postgres') return connection
  const message = found === null ? `no datasource is named ${name}` : `datasource ${name} is not a database`
  throw new TransferError('job/unknown-datasource', message, { datasource: name })
}
