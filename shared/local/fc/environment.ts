import type { FunctionDefinition } from './functions.ts'
import type { InstanceOptions } from './instance.ts'
import type { FcServerOptions } from './server.ts'

/** Environment and context of a function's instances (fc-oss.md §2). Credentials are those of its role. */
export function environmentOf(
  definition: FunctionDefinition,
  options: Pick<
    FcServerOptions,
    'environment' | 'accountId' | 'region' | 'issueRoleCredentials' | 'nodeOptions' | 'compiledDir'
  >,
): Pick<InstanceOptions, 'environment' | 'contextOf' | 'nodeOptions' | 'compiledDir'> {
  const { accountId, region } = options
  const { functionName, handler, memorySize, timeout } = definition
  const keys = options.issueRoleCredentials()
  return {
    nodeOptions: options.nodeOptions ?? [],
    compiledDir: options.compiledDir ?? null,
    environment: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      HOME: process.env.HOME ?? '/tmp',
      TZ: 'UTC',
      ...definition.environmentVariables,
      ...options.environment,
      FC_FUNC_CODE_PATH: definition.codeDir,
      FC_ACCOUNT_ID: accountId,
      FC_REGION: region,
      FC_FUNCTION_NAME: functionName,
      FC_FUNCTION_HANDLER: handler,
      FC_FUNCTION_MEMORY_SIZE: String(memorySize),
      // FC_FUNCTION_VERSION from Debian 11 on; nodejs20 runs on Debian 10.
      FC_VER_ID: 'LATEST',
      ALIBABA_CLOUD_ACCESS_KEY_ID: keys.accessKeyId,
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: keys.accessKeySecret,
      ALIBABA_CLOUD_SECURITY_TOKEN: keys.securityToken,
    },
    contextOf: (requestId) => ({
      requestId,
      credentials: keys,
      function: { name: functionName, handler, memory: memorySize, timeout },
      service: { name: '', logProject: '', logStore: '', qualifier: 'LATEST', versionId: '' },
      region,
      accountId,
    }),
  }
}
