import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Who may import whom (design §7). `functions` and every folder of `shared`; a folder may import itself. */
const mayImport: Record<string, readonly string[]> = {
  functions: ['aliyun', 'doctor', 'run'],
  errors: [],
  schema: ['errors'],
  ports: ['errors'],
  // transform: the shape of its steps, which jobs are made of.
  job: ['schedule', 'schema', 'ports', 'errors', 'transform'],
  codecs: ['errors'],
  config: ['cost', 'ports', 'errors', 'vault'],
  // The key and the sealing of local secrets: the command line writes them, config reads them.
  vault: ['errors'],
  // Arithmetic of what functions took and what that costs.
  cost: [],
  postgres: ['ports', 'schema', 'errors'],
  mysql: ['ports', 'errors'],
  schedule: ['errors'],
  staging: ['job', 'ports', 'errors'],
  ledger: ['job', 'ports', 'errors'],
  load: ['codecs', 'postgres', 'ports', 'schema', 'errors', 'connectors'],
  connectors: ['codecs', 'load', 'plan', 'postgres', 'ports', 'schema', 'errors'],
  plan: ['connectors', 'codecs', 'schema', 'errors'],
  // Fields of records on their way; load: the charsets that COPY knows.
  transform: ['codecs', 'schema', 'errors', 'load'],
  // Words and wire of notices; what is due and what was sent is the run's business.
  notices: ['errors'],
  run: [
    'codecs',
    'connectors',
    'cost',
    'errors',
    'job',
    'ledger',
    'load',
    'notices',
    'plan',
    'ports',
    'postgres',
    'schedule',
    'schema',
    'staging',
    'transform',
  ],
  // What editors and the documentation are told of jobs comes from the schemas that check them.
  editor: ['connectors', 'job'],
  // Looks at what a run would use, in the same ways; it is asked by api and cli, and looks from inside of a function.
  doctor: ['codecs', 'connectors', 'errors', 'job', 'ports', 'postgres', 'run', 'schedule', 'schema', 'staging'],
  api: ['doctor', 'run', 'ledger', 'job', 'errors'],
  aliyun: ['api', 'codecs', 'config', 'connectors', 'cost', 'errors', 'mysql', 'ports', 'postgres', 'run'],
  // schedule: a timer of the local platform and a job's own must agree on when a time is due.
  local: ['codecs', 'errors', 'ports', 'schedule', 'schema'],
  cli: [
    'aliyun',
    'config',
    'doctor',
    'errors',
    'job',
    'ledger',
    'load',
    'local',
    'ports',
    'postgres',
    'run',
    'schema',
    'staging',
    'vault',
  ],
}

/** Packages that one place alone may know. */
const onlyIn: Record<string, readonly string[]> = {
  'ali-oss': ['shared/aliyun/'],
  '@alicloud/fc2': ['shared/aliyun/'],
  '@alicloud/fc20230330': ['shared/aliyun/'],
  pg: ['shared/postgres/', 'shared/local/postgres/'],
  'pg-copy-streams': ['shared/postgres/'],
  mysql2: ['shared/mysql/'],
  re2js: ['shared/transform/'],
  hono: ['shared/api/'],
  commander: ['shared/cli/'],
}

interface Import {
  readonly file: string
  readonly from: string
  readonly typeOnly: boolean
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

/** Another language, with a compiler that resolves imports by rules of its own. */
const assembly = /^shared\/codecs\/\w+\/assembly\//
const files = [...sources('functions'), ...sources('shared')].filter((file) => !assembly.test(file))

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found = text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'"]*?\sfrom\s+)?'([^']+)'|import\('([^']+)'\)/gm)
  return [...found].map(([, type, stat, dynamic]) => ({
    file,
    from: stat ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }))
}

const imports = files.flatMap(importsOf)
const partOf = (file: string) => (file.startsWith('functions/') ? 'functions' : (file.split('/')[1] ?? ''))
const targetOf = ({ file, from }: Import) =>
  from.startsWith('.') ? relative(root, join(root, file, '..', from)) : from

describe('the architecture', () => {
  it('is looked at: there are files and imports', () => {
    expect(files.length).toBeGreaterThan(120)
    expect(imports.length).toBeGreaterThan(400)
  })

  it('names every folder of shared/', () => {
    const folders = readdirSync(join(root, 'shared'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    const known = new Set(Object.keys(mayImport))
    const filled = folders.filter(({ name }) => sources(`shared/${name}`).length > 0).map(({ name }) => name)
    expect(filled.filter((name) => !known.has(name))).toEqual([])
  })

  it('lets a folder import only what the table allows', () => {
    const wrong = imports
      .filter(({ from }) => from.startsWith('.'))
      .map((one) => ({ from: partOf(one.file), to: partOf(targetOf(one)), line: `${one.file} → ${targetOf(one)}` }))
      .filter(({ from, to }) => from !== to && !mayImport[from]?.includes(to))
    expect(wrong.map(({ line }) => line)).toEqual([])
  })

  it('imports files that exist', () => {
    const missing = imports
      .filter(({ from }) => from.startsWith('.') && !from.includes('$'))
      .filter((one) => !existsSync(join(root, targetOf(one))))
    expect(missing).toEqual([])
  })

  it('keeps each platform package in its own place', () => {
    const wrong = imports.filter(
      ({ file, from }) => onlyIn[from] !== undefined && !onlyIn[from].some((place) => file.startsWith(place)),
    )
    expect(wrong.map(({ file, from }) => `${file} imports ${from}`)).toEqual([])
  })

  it('reads the environment in config alone, and at the two ends where processes begin', () => {
    const readers = files.filter((file) => /process\.env\b/.test(readFileSync(join(root, file), 'utf8')))
    const allowed = /^shared\/(config\/|cli\/main\.ts|aliyun\/(handle|http-handler)\.ts|local\/fc\/environment\.ts)/
    expect(readers.filter((file) => !allowed.test(file))).toEqual([])
  })

  it('names a kind of connector only in its own file', () => {
    const shared = files.filter((file) => /^shared\/(run|plan|ledger|staging|load|aliyun|api)\//.test(file))
    const wrong = shared.filter((file) =>
      /'(adbpg|postgresql|ossreader|osswriter)'/.test(readFileSync(join(root, file), 'utf8')),
    )
    expect(wrong).toEqual([])
  })

  it('keeps handlers small, free of SQL and of SDKs', () => {
    for (const file of files.filter((one) => one.startsWith('functions/'))) {
      const text = readFileSync(join(root, file), 'utf8')
      expect(text.split('\n').length, file).toBeLessThanOrEqual(25)
      expect(text, file).not.toMatch(/select |insert |ali-oss|@alicloud/i)
    }
  })

  it('imports zod as a namespace, which bundles a fifth of `import { z }`', () => {
    const wrong = files.filter((file) =>
      /import \{[^}]*\bz\b[^}]*\} from 'zod'/.test(readFileSync(join(root, file), 'utf8')),
    )
    expect(wrong).toEqual([])
  })
})
