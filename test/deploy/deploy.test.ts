import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readFunctions } from '../../shared/local/fc/functions.ts'
import { functionNames, root } from '../support/deployment.ts'
import { builtProject, deployOffline } from '../support/fc3-stub.ts'

const project = await builtProject()
const secrets = {
  ADBPG_PASSWORD: 'secret-of-adbpg',
  OSS_SECRET: 'secret-of-oss',
  PG_PASSWORD: 'secret-of-pg',
  ADBPG_SYNC_API_TOKEN: 'secret-token-of-the-api',
}
const variables = {
  ALIYUN_UID: '1234567890123456',
  REGION: 'cn-shanghai',
  BUCKET: 'bucket-of-a-test',
  FUNCTION_PREFIX: 'other-prefix',
  VPC_ID: 'vpc-test',
  ...secrets,
}

describe('s deploy, offline', () => {
  it('is what `npm run deploy` does, after a build', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(scripts.deploy).toBe('npm run build && s deploy')
    expect(scripts.build).toBe('tsx shared/cli/build.ts')
  })

  it('deploys every function with its code and what the local stack reads from the same file', async () => {
    const { exitCode, said, deployed, yamlPath } = await deployOffline(project, variables)
    expect(exitCode, said).toBe(0)
    expect(deployed.map(({ resource }) => resource.name).sort()).toEqual(functionNames)
    const local = await readFunctions(yamlPath, variables)
    const names = (functions: readonly { functionName?: unknown }[]) => functions.map((one) => one.functionName).sort()
    expect(names(local)).toEqual(names(deployed.map(({ props }) => props)))
    for (const { resource, props, hasCode } of deployed) {
      const { codeDir: _, ...read } = local.find(({ functionName }) => functionName === props.functionName) ?? {}
      const asyncInvokeConfig = { destinationConfig: {}, ...(props.asyncInvokeConfig as object) }
      expect({ triggers: [], instanceLifecycleConfig: {}, ...props, asyncInvokeConfig }).toMatchObject(read)
      expect(props.functionName).toBe(`other-prefix-${resource.name}`)
      expect(hasCode, resource.name).toBe(true)
    }
  })

  it('gives each function its values, and none of the references', async () => {
    const { deployed } = await deployOffline(project, variables)
    expect(JSON.stringify(deployed)).not.toContain('${')
    expect(deployed.find(({ resource }) => resource.name === 'api')?.props).toMatchObject({
      region: 'cn-shanghai',
      role: 'acs:ram::1234567890123456:role/other-prefix-api',
      vpcConfig: { vpcId: 'vpc-test' },
      environmentVariables: { ADBPG_SYNC_BUCKET: 'bucket-of-a-test', ...secrets },
    })
  })

  it('prints no secret and writes none into its logs, whether it succeeds or fails', async () => {
    const fine = await deployOffline(project, variables)
    const failed = await deployOffline(project, { ...variables, FAIL: 'load' })
    expect(failed.exitCode).not.toBe(0)
    expect(failed.said).toContain('the cloud said no')
    for (const secret of Object.values(secrets)) {
      expect(fine.said).not.toContain(secret)
      expect(failed.said).not.toContain(secret)
    }
  })
})
