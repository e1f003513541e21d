import { asTransferError, type TransferError } from '../errors/index.ts'
import type { OssConnection } from '../ports/index.ts'
import type { World } from '../run/world.ts'
import { firstOfList } from './bucket.ts'
import { failedBy, passed, type Result, warned } from './finding.ts'

/** A list of our own probes: OSS answers it or says which part of the datasource is in the way. */
export async function openOss(world: Pick<World, 'openStore'>, connection: OssConnection): Promise<Result> {
  try {
    return passed('list', await firstOfList(await world.openStore(connection)))
  } catch (thrown) {
    const error = asTransferError(thrown)
    return isOfPrefix(error)
      ? warned('list', `${error.code}: ${error.message}`, listAdvice(connection))
      : failedBy('list', error, adviceOf(error, connection))
  }
}

/** An account may be allowed to list what the job reads and nothing else: reading is looked at by itself. */
const isOfPrefix = ({ code, message }: TransferError) =>
  code === 'connect/permission-denied' && !isElsewhere(message) && !/time/i.test(message)

const listAdvice = ({ bucket }: OssConnection) =>
  `A reader of objects needs oss:ListObjects of bucket ${bucket} for its prefixes; whether it has it is seen where the job reads.`

/** The words of OSS for a bucket of another region. */
const isElsewhere = (message: string) => /must be addressed using the specified endpoint/i.test(message)

function adviceOf(error: TransferError, connection: OssConnection): string | undefined {
  const { endpoint, bucket, credentials } = connection
  const { ossCode } = error.context
  if (isElsewhere(error.message)) return `Bucket ${bucket} is in another region than ${endpoint}: correct the endpoint.`
  if (error.code === 'source/bucket-missing')
    return `Correct bucket ${bucket} of the datasource, or create it in the region of ${endpoint}.`
  if (error.code !== 'connect/wrong-credentials') return undefined
  if (credentials === null)
    return 'The datasource has no keys, so those of the role of the function were tried: give the function a role, or the datasource accessId and accessKey.'
  if (ossCode === 'InvalidAccessKeyId')
    return `OSS does not know accessId ${credentials.accessKeyId}, or it is switched off: correct accessId of the datasource.`
  return `OSS knows accessId ${credentials.accessKeyId}, but not with this secret: correct what ${credentials.accessKeySecret} holds.`
}
