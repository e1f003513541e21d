import type { FunctionName, Invoker } from '../ports/index.ts'
import { type Carrier, invokerOn } from './invoker.ts'

export interface FcAddress {
  /** `https://<account>.<region>.fc.aliyuncs.com` or a local server. */
  readonly endpoint: string
  readonly accountId: string
  readonly region: string
  readonly credentials: () => Promise<{ accessKeyId: string; accessKeySecret: string; securityToken?: string }>
  readonly functionName: (name: FunctionName) => string
}

/** Functions of services, through `@alicloud/fc2`, which speaks the 2016-08-15 API only (fc-oss.md §1). */
export function openFc2Invoker(address: FcAddress & { readonly serviceName: string }): Invoker {
  const { serviceName } = address
  const carrier: Carrier = {
    async async(functionName, body, taskId) {
      const client = await connect(address, 60_000)
      const headers = { 'X-Fc-Invocation-Type': 'Async', 'X-Fc-Stateful-Async-Invocation-Id': taskId }
      await client.invokeFunction(serviceName, functionName, body, headers)
    },
    async sync(functionName, body, timeoutMs) {
      const client = await connect(address, timeoutMs)
      const { headers, data } = await client.invokeFunction(serviceName, functionName, body, {}, null, { rawBuf: true })
      return { errorType: headers['x-fc-error-type'] ?? null, body: bytesOf(data) }
    },
    refusalOf,
  }
  return invokerOn(carrier, address.functionName)
}

/** The SDK parses what it believes to be JSON, `rawBuf` or not, when the handler failed. */
const bytesOf = (data: Buffer | string | object): Buffer =>
  Buffer.isBuffer(data) ? data : Buffer.from(typeof data === 'string' ? data : JSON.stringify(data))

async function connect(address: FcAddress, timeout: number) {
  const { default: FC } = await import('@alicloud/fc2')
  const { accessKeyId, accessKeySecret, securityToken } = await address.credentials()
  return new FC(address.accountId, {
    accessKeyID: accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined ? {} : { securityToken }),
    region: address.region,
    endpoint: address.endpoint,
    timeout,
    secure: true,
  })
}

/** The status is nowhere but in the message: "failed with 429. requestid: …" (fc-oss.md §6.1). */
function refusalOf(error: unknown): { status: number; code: string } | null {
  if (!(error instanceof Error)) return null
  const status = /failed with (\d{3})/.exec(error.message)?.[1]
  if (status === undefined) return null
  return { status: Number(status), code: 'code' in error && typeof error.code === 'string' ? error.code : 'undefined' }
}
