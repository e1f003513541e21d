import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

export interface BuiltFunction {
  readonly name: string
  readonly file: string
  readonly bytes: number
  /** Modules in the bundle, by path from the project's folder: what a cold start may load. */
  readonly inputs: readonly string[]
}

/**
 * One CommonJS file per function for the nodejs20 runtime. A dynamic `import()` stays lazy inside the file, so a driver
 * that a run does not need is parsed but never executed.
 */
export async function buildFunctions(projectDir: string, outDir: string): Promise<BuiltFunction[]> {
  const files = (await readdir(join(projectDir, 'functions'))).filter((file) => file.endsWith('.ts')).sort()
  return await Promise.all(files.map((file) => buildOne(projectDir, outDir, file.slice(0, -3))))
}

async function buildOne(projectDir: string, outDir: string, name: string): Promise<BuiltFunction> {
  const file = join(outDir, name, 'index.js')
  await mkdir(join(outDir, name), { recursive: true })
  // Our own package.json, found further up, says that .js files are modules.
  await replace(join(outDir, name, 'package.json'), '{ "type": "commonjs" }\n')
  const result = await build({
    absWorkingDir: projectDir,
    entryPoints: [`functions/${name}.ts`],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    metafile: true,
    write: false,
    logLevel: 'silent',
    // urllib and pg ask for these only when they are there (parts.md §7); neither is ours to ship.
    external: ['proxy-agent', 'pg-native'],
    // Its CommonJS file requires through a parameter, which no bundler can follow.
    alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  })
  for (const { path, contents } of result.outputFiles) await replace(path, contents)
  const output = Object.values(result.metafile.outputs).find((entry) => entry.entryPoint === `functions/${name}.ts`)
  return { name, file, bytes: output?.bytes ?? 0, inputs: Object.keys(result.metafile.inputs) }
}

/** Whole or not at all: a stack that runs may load the file at this moment. */
async function replace(path: string, contents: string | Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(draft, contents)
  await rename(draft, path)
}
