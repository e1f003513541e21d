import { Readable } from 'node:stream'
import type { Invoker } from '../ports/index.ts'
import { type Carrier, invokerOn } from './invoker.ts'
import type { FcAddress } from './invoker-fc2.ts'

/** Functions of the current platform, through `@alicloud/fc20230330`: what the `fc3` component deploys. */
export function openFc3Invoker(address: FcAddress): Invoker {
  const carrier: Carrier = {
    async async(functionName, body, taskId) {
      const answer = await call(
        address,
        functionName,
        body,
        { xFcInvocationType: 'Async', xFcAsyncTaskId: taskId },
        60_000,
      )
      // It is empty; a connection whose answer nobody reads stays open, and a command with it, until the server closes it.
      await gather(answer.body)
    },
    async sync(functionName, body, timeoutMs) {
      const answer = await call(address, functionName, body, { xFcInvocationType: 'Sync' }, timeoutMs)
      const headers: Record<string, string> = answer.headers ?? {}
      return { errorType: headers['x-fc-error-type'] ?? null, body: await gather(answer.body) }
    },
    refusalOf,
  }
  return invokerOn(carrier, address.functionName)
}

async function call(
  address: FcAddress,
  functionName: string,
  body: Buffer,
  headers: { xFcInvocationType: 'Async' | 'Sync'; xFcAsyncTaskId?: string },
  timeoutMs: number,
) {
  const { sdk, openApi, dara } = await load()
  const { accessKeyId, accessKeySecret, securityToken } = await address.credentials()
  const url = new URL(address.endpoint)
  const config = new openApi.$OpenApiUtil.Config({
    accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined ? {} : { securityToken }),
    regionId: address.region,
    endpoint: url.host,
    protocol: url.protocol === 'https:' ? 'HTTPS' : 'HTTP',
  })
  const Client = clientOf(sdk)
  const client = new Client(config)
  const request = new sdk.InvokeFunctionRequest({
    body: Readable.from([body], { objectMode: false }),
    qualifier: 'LATEST',
  })
  // `connectTimeout` bounds the first byte too, and both default to 3 s (fc-oss.md §6.2).
  const runtime = new dara.RuntimeOptions({ readTimeout: timeoutMs, connectTimeout: timeoutMs })
  return await client.invokeFunctionWithOptions(functionName, request, new sdk.InvokeFunctionHeaders(headers), runtime)
}

async function load() {
  const [sdk, openApi, dara] = await Promise.all([
    import('@alicloud/fc20230330'),
    import('@alicloud/openapi-core'),
    import('@darabonba/typescript'),
  ])
  return { sdk, openApi, dara }
}

type Sdk = Awaited<ReturnType<typeof load>>['sdk']
type ClientClass = Sdk['default']['default']

/** CommonJS under ESM: the class is the default export of the default export. In a bundle it is the default export. */
function clientOf(sdk: Sdk): ClientClass {
  const outer: unknown = sdk.default
  const inner = typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer
  return inner as ClientClass
}

async function gather(body: Readable | undefined): Promise<Buffer> {
  const pieces: Buffer[] = []
  if (body !== undefined) for await (const piece of body) pieces.push(Buffer.from(piece))
  return Buffer.concat(pieces)
}

function refusalOf(error: unknown): { status: number; code: string } | null {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return null
  return {
    status: error.statusCode,
    code: 'code' in error && typeof error.code === 'string' ? error.code : 'undefined',
  }
}
