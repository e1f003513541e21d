import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type FcServer, type FcServerOptions, startFcServer } from '../../shared/local/fc/server.ts'
import { keptLog } from './log.ts'

export const fcKeys = { accessKeyId: 'fckey', accessKeySecret: 'fcsecret' }
export const fcAccount = '1000000000000001'
export const fcRegion = 'cn-hangzhou'

/** A function of a test: CommonJS text, and what its resource in the YAML says beyond the defaults. */
export interface TestFunction {
  readonly code: string
  readonly props?: string
}

/** Writes code and an `s.yaml`, and starts a server on them. A second start on the same folder finds the first one's tasks. */
export async function startTestFc(
  dir: string,
  functions: Readonly<Record<string, TestFunction>>,
  options: Partial<FcServerOptions> = {},
): Promise<FcServer> {
  const resources: string[] = []
  for (const [name, { code, props = '' }] of Object.entries(functions)) {
    await mkdir(join(dir, name), { recursive: true })
    await writeFile(join(dir, name, 'index.js'), code)
    resources.push(resourceOf(name, props))
  }
  await writeFile(
    join(dir, 's.yaml'),
    `edition: 3.0.0\nname: test\nvars:\n  region: cn-hangzhou\nresources:\n${resources.join('')}`,
  )
  return await startFcServer({
    yamlPath: join(dir, 's.yaml'),
    variables: {},
    environment: { TEST_DIR: dir },
    dataDir: join(dir, 'data'),
    port: 0,
    accountId: fcAccount,
    region: fcRegion,
    findSecret: (id) =>
      id === fcKeys.accessKeyId ? { accessKeySecret: fcKeys.accessKeySecret, securityToken: null } : null,
    issueRoleCredentials: () => ({ accessKeyId: 'STS.x', accessKeySecret: 'y', securityToken: 'z' }),
    timers: false,
    retryBaseMs: 20,
    log: keptLog(),
    ...options,
  })
}

const resourceOf = (name: string, props: string) => `  ${name}:
    component: fc3
    props:
      functionName: test-${name}
      runtime: nodejs20
      handler: index.handler
      code: ./${name}
${props === '' ? '' : `${props}\n`}${/^ {6}memorySize/m.test(props) ? '' : '      memorySize: 256\n'}${/^ {6}timeout/m.test(props) ? '' : '      timeout: 30\n'}`

/** Waits for a fact, by looking again and again until a deadline. */
export async function eventually<T>(
  look: () => Promise<T | null | false> | T | null | false,
  withinMs = 15_000,
): Promise<T> {
  const until = Date.now() + withinMs
  for (;;) {
    const seen = await look()
    if (seen !== null && seen !== false) return seen
    if (Date.now() > until) throw new Error(`not seen within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
