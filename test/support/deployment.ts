import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import * as z from 'zod'
import { tempDir } from './temp-dir.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))

const Document = z.object({
  resources: z.record(z.string(), z.object({ component: z.string(), props: z.record(z.string(), z.unknown()) })),
})

/** Names of the functions, from the files of `functions/`, sorted. */
export const functionNames = readdirSync(join(root, 'functions'))
  .map((file) => file.replace('.ts', ''))
  .sort()

/** `s.yaml` as its author wrote it: the text, and the resources with their variables unresolved. */
export const readDeployment = () => {
  const text = readFileSync(join(root, 's.yaml'), 'utf8')
  return { text, resources: Document.parse(parse(text)).resources }
}

/** The resources as Serverless Devs resolves them, offline, with the defaults of every variable. */
export const previewDeployment = async () => {
  const home = await tempDir('s')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'node_modules/@serverless-devs/s/bin/s'), 'preview', '-o', 'json', '--silent'],
    { cwd: root, env: { PATH: process.env.PATH, HOME: home, NODE_ENV: 'test' } },
  )
  return Document.parse(JSON.parse(stdout.slice(stdout.indexOf('{')))).resources
}

/** The variables that the functions read, from the schema of their configuration. */
export const configNames = [
  ...readFileSync(join(root, 'shared/config/config.ts'), 'utf8').matchAll(/^ {2}(ADBPG_SYNC_\w+):/gm),
].map(([, name = '']) => name)
