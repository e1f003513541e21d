import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { readFunctions } from '../../shared/local/fc/functions.ts'
import { refuseOverlaps } from '../../shared/local/fc/oss-triggers.ts'
import { functionNames, previewDeployment, readDeployment, root } from '../support/deployment.ts'

const { text, resources } = readDeployment()
const previewed = await previewDeployment()

describe('s.yaml', () => {
  it('names a function for each file of functions/, and each once', () => {
    expect(Object.keys(resources).sort()).toEqual(functionNames)
  })

  it('passes the schema of the fc3 component', () => {
    const schema = JSON.parse(readFileSync(join(root, 'test/support/fc3-schema.json'), 'utf8')) as Record<
      string,
      unknown
    >
    const validate = new Ajv({ strict: false, allErrors: true }).compile(schema)
    for (const [name, { props }] of Object.entries(previewed))
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
    for (const [name, { props }] of Object.entries(previewed)) {
      expect(named(name)).toMatchObject({
        memorySize: props.memorySize,
        timeout: props.timeout,
        environmentVariables: props.environmentVariables,
      })
    }
    expect(Object.keys(previewed).sort()).toEqual(functionNames)
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
