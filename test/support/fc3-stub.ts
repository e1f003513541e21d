import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { buildFunctions } from '../../shared/cli/build-functions.ts'
import { root } from './deployment.ts'
import { tempDir } from './temp-dir.ts'

/** Stands in for the component that the CLI would fetch: writes down what it is given, and deploys nothing. */
const stub = `const fs = require('node:fs'), path = require('node:path')
exports.default = class {
  async deploy({ cwd, command, resource, props }) {
    const hasCode = fs.existsSync(path.join(cwd, props.code, 'index.js'))
    fs.appendFileSync(process.env.RECORD, JSON.stringify({ command, resource, props, hasCode }) + '\\n')
    if (process.env.FAIL === resource.name) throw new Error('the cloud said no')
    return { functionName: props.functionName }
  }
}`

const Deployed = z.object({
  command: z.literal('deploy'),
  resource: z.object({ name: z.string(), component: z.literal('fc3'), access: z.literal('default') }),
  props: z.record(z.string(), z.unknown()),
  hasCode: z.boolean(),
})

export interface Deploy {
  readonly exitCode: number
  /** All that was printed, and all that was written under the home folder: logs, settings. */
  readonly said: string
  readonly deployed: z.infer<typeof Deployed>[]
  readonly yamlPath: string
}

/** A project of our `s.yaml` and freshly built bundles, apart from `dist/`, which other tests use. */
export async function builtProject(): Promise<string> {
  const dir = await tempDir('deploy')
  await cp(join(root, 's.yaml'), join(dir, 's.yaml'))
  await buildFunctions(root, join(dir, 'dist'))
  return dir
}

/** `s deploy` with nothing of the network: the component is in the CLI's cache already (fc-oss.md §5.2). */
export async function deployOffline(dir: string, environment: Readonly<Record<string, string>>): Promise<Deploy> {
  const home = await tempDir('deploy-home')
  const component = join(home, '.s/components/devsapp.cn/v3/fc3')
  await mkdir(component, { recursive: true })
  await writeFile(join(component, '.s.lock'), JSON.stringify({ version: '0.1.22', lastUpdateCheck: Date.now() }))
  await writeFile(join(component, 'package.json'), '{ "name": "fc3", "version": "0.1.22", "main": "index.js" }')
  await writeFile(join(component, 'index.js'), stub)
  const record = join(dir, 'record.jsonl')
  await writeFile(record, '')
  const env = { PATH: process.env.PATH, HOME: home, NODE_ENV: 'test', RECORD: record, ...environment }
  const { exitCode, output } = await run(dir, env)
  const lines = (await readFile(record, 'utf8')).split('\n').slice(0, -1)
  return {
    exitCode,
    said: output + (await textUnder(home)),
    deployed: lines.map((line) => Deployed.parse(JSON.parse(line))),
    yamlPath: join(dir, 's.yaml'),
  }
}

function run(cwd: string, env: NodeJS.ProcessEnv): Promise<{ exitCode: number; output: string }> {
  const cli = join(root, 'node_modules/@serverless-devs/s/bin/s')
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [cli, 'deploy'], { cwd, env }, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, output: stdout + stderr }),
    )
  })
}

async function textUnder(dir: string): Promise<string> {
  const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')))).join('\n')
}
