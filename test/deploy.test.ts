import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { parseEvent } from '../shared/aliyun/handle.ts'
import { readFunctions } from '../shared/local/fc/functions.ts'
import { refuseOverlaps } from '../shared/local/fc/oss-triggers.ts'
import { OssEvent, StartEvent, TickEvent } from '../shared/run/events.ts'
import { tempDir } from './support/temp-dir.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const text = readFileSync(join(root, 's.yaml'), 'utf8')
const Document = z.object({
  resources: z.record(z.string(), z.object({ component: z.string(), props: z.record(z.string(), z.unknown()) })),
})
const { resources } = Document.parse(parse(text))
const functionFiles = readdirSync(join(root, 'functions'))
  .map((file) => file.replace('.ts', ''))
  .sort()

const home = await tempDir('s')
const { stdout } = await promisify(execFile)(
  process.execPath,
  [join(root, 'node_modules/@serverless-devs/s/bin/s'), 'preview', '-o', 'json', '--silent'],
  {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: home, NODE_ENV: 'test' },
  },
)

const previewed = Document.parse(JSON.parse(stdout.slice(stdout.indexOf('{'))))

describe('s.yaml', () => {
  it('names a function for each file of functions/, and each once', () => {
    expect(Object.keys(resources).sort()).toEqual(functionFiles)
  })

  it('passes the schema of the fc3 component', () => {
    const schema = JSON.parse(readFileSync(join(root, 'test/support/fc3-schema.json'), 'utf8')) as Record<
      string,
      unknown
    >
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema)
    for (const [name, { props }] of Object.entries(previewed.resources))
      expect(validate(props), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true)
  })

  it('holds no property the schema does not know: a misspelt one would pass it', () => {
    const schema = z
      .object({ properties: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(readFileSync(join(root, 'test/support/fc3-schema.json'), 'utf8')))
    for (const { props } of Object.values(resources))
      for (const name of Object.keys(props)) expect(Object.keys(schema.properties)).toContain(name)
  })

  it('is resolved offline by `s preview`, to what the local runtime makes of it', async () => {
    const local = await readFunctions(join(root, 's.yaml'), {})
    const named = (name: string) => local.find(({ functionName }) => functionName === `adbpg-sync-${name}`)
    for (const [name, { props }] of Object.entries(previewed.resources)) {
      expect(named(name)).toMatchObject({
        memorySize: props.memorySize,
        timeout: props.timeout,
        environmentVariables: props.environmentVariables,
      })
    }
    expect(Object.keys(previewed.resources).sort()).toEqual(functionFiles)
  })

  it('keeps the ratio of vCPU and memory that the platform allows, and no overlapping triggers', async () => {
    for (const { props } of Object.values(resources)) {
      const ratio = Number(props.memorySize) / 1024 / Number(props.cpu)
      expect(ratio).toBeGreaterThanOrEqual(1)
      expect(ratio).toBeLessThanOrEqual(4)
    }
    refuseOverlaps(await readFunctions(join(root, 's.yaml'), {}))
  })

  it('never listens for uploads that are not whole', () => {
    expect(text).not.toMatch(/^\s+- oss:ObjectCreated:(\*|UploadPart|InitiateMultipartUpload)/m)
  })
})

describe('events/', () => {
  const schemas = { start: StartEvent, object: OssEvent, tick: TickEvent } as const
  const samples = readdirSync(join(root, 'events'))

  it.each(samples)('%s is one that its function takes', (file) => {
    const name = file.split('.')[0] ?? ''
    expect(functionFiles).toContain(name)
    const schema = schemas[name as keyof typeof schemas]
    if (schema !== undefined) expect(() => parseEvent(schema, readFileSync(join(root, 'events', file)))).not.toThrow()
    else
      expect(JSON.parse(readFileSync(join(root, 'events', file), 'utf8'))).toHaveProperty('requestContext.http.method')
  })

  it('has a sample for each way in', () => {
    expect(new Set(samples.map((file) => file.split('.')[0]))).toEqual(new Set(['start', 'object', 'tick', 'api']))
  })
})
