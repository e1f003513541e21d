import type { Connection } from '../job/index.ts'
import type { SecretRef } from '../ports/index.ts'
import type { World } from '../run/world.ts'
import { checked, type Result } from './finding.ts'

/** Before anybody is called: a secret that cannot be read says nothing about the server it is for. Empty: none is needed. */
export async function checkSecret({ secrets }: Pick<World, 'secrets'>, connection: Connection): Promise<Result[]> {
  const reference = secretOf(connection)
  if (reference === null) return []
  const result = await checked('secret', async () => {
    await secrets.resolve(reference)
    return `${reference} is there`
  })
  return [result]
}

const secretOf = (connection: Connection): SecretRef | null =>
  connection.kind === 'oss' ? (connection.credentials?.accessKeySecret ?? null) : connection.password
