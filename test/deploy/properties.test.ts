import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { watchedPrefix } from '../../shared/staging/keys.ts'
import { configNames, previewDeployment, readDeployment } from '../support/deployment.ts'

const { text } = readDeployment()
const previewed = await previewDeployment()

/*
 * The schema lets a misspelt property pass at every level, and leaves `triggerConfig` unchecked (fc-oss.md §5.1): what we
 * use of it, without room for anything else.
 */
const Name = z.string().regex(/^[A-Za-z_][\w-]{0,63}$/)
const Trigger = { triggerName: Name, qualifier: z.literal('LATEST') }
const wholeUploads = ['PutObject', 'PostObject', 'CopyObject', 'CompleteMultipartUpload']
const StrictTrigger = z.discriminatedUnion('triggerType', [
  z.strictObject({
    ...Trigger,
    triggerType: z.literal('timer'),
    triggerConfig: z.strictObject({
      cronExpression: z.string().regex(/^(CRON_TZ=\S+ )?\S+( \S+){5}$|^@every \d+[mh]$/),
      enable: z.boolean(),
      payload: z.string(),
    }),
  }),
  z.strictObject({
    ...Trigger,
    triggerType: z.literal('oss'),
    invocationRole: z.string().regex(/^acs:ram::\d+:role\/[\w-]+$/),
    sourceArn: z.string().regex(/^acs:oss:[\w-]+:\d+:[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/),
    triggerConfig: z.strictObject({
      events: z.array(z.enum(wholeUploads.map((event) => `oss:ObjectCreated:${event}`))).min(1),
      filter: z.strictObject({ key: z.strictObject({ prefix: z.string().regex(/^in\/$/), suffix: z.string() }) }),
    }),
  }),
  z.strictObject({
    ...Trigger,
    triggerType: z.literal('http'),
    triggerConfig: z.strictObject({
      authType: z.enum(['anonymous', 'function']),
      disableURLInternet: z.boolean(),
      methods: z.array(z.enum(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS'])).min(1),
    }),
  }),
])
const StrictProperties = z.strictObject({
  region: z.string(),
  functionName: Name,
  description: z.string(),
  runtime: z.literal('nodejs20'),
  handler: z.literal('index.handler'),
  code: z.string(),
  cpu: z.number().min(0.05).max(16).multipleOf(0.05),
  memorySize: z.number().int().min(128).max(32_768).multipleOf(64),
  diskSize: z.union([z.literal(512), z.literal(10_240)]),
  timeout: z.number().int().min(1).max(86_400),
  internetAccess: z.literal(false),
  role: z.string().regex(/^acs:ram::\d+:role\/[\w-]+$/),
  vpcConfig: z.strictObject({ vpcId: z.string(), vSwitchIds: z.array(z.string()).min(1), securityGroupId: z.string() }),
  logConfig: z.literal('auto'),
  environmentVariables: z.record(z.string().regex(/^(?!FC_)[A-Za-z]\w*$/), z.string()),
  concurrencyConfig: z.strictObject({ reservedConcurrency: z.number().int().min(1) }).optional(),
  asyncInvokeConfig: z.strictObject({
    asyncTask: z.literal(true),
    maxAsyncRetryAttempts: z.number().int().min(0).max(8),
    maxAsyncEventAgeInSeconds: z.number().int().min(1).max(604_800),
    destinationConfig: z.strictObject({ onFailure: z.strictObject({ destination: z.string() }) }).optional(),
  }),
  triggers: z.array(StrictTrigger).optional(),
})

const deployed = Object.entries(previewed).map(([name, { props }]) => ({ name, props }))
/** Read by the C library, mallopt(3): without them a function keeps tens of megabytes that it has let go (bench/README.md). */
const malloc = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' }
const youngHeap = { NODE_OPTIONS: '--max-semi-space-size=8' }
const secretNames = ['ADBPG_PASSWORD', 'OSS_SECRET', 'PG_PASSWORD']

it('what the object function hears of is what jobs are told', () => {
  expect(/prefix: (in\S*)/.exec(text)?.[1]).toBe(watchedPrefix)
})

describe('each function', () => {
  it.each(deployed)('$name has no property, at any level, that we do not know', ({ name, props }) => {
    const known = StrictProperties.parse(props)
    expect(known).toMatchObject({ functionName: `adbpg-sync-${name}`, code: `./dist/${name}` })
    expect(known.role).toMatch(new RegExp(`:role/adbpg-sync-${name}$`))
  })

  it('would be found out by a slip in any nested name', () => {
    const props = deployed.find(({ name }) => name === 'load')?.props ?? {}
    for (const group of ['vpcConfig', 'concurrencyConfig', 'asyncInvokeConfig']) {
      const slip = { ...props, [group]: { ...(props[group] as object), reservedConcurency: 1 } }
      expect(StrictProperties.safeParse(slip).success, group).toBe(false)
    }
  })

  it.each(deployed)('$name gets only variables that are read, and few enough for the platform', ({ props }) => {
    const variables = StrictProperties.parse(props).environmentVariables
    for (const name of Object.keys(variables))
      expect([...configNames, ...secretNames, ...Object.keys({ ...malloc, ...youngHeap })]).toContain(name)
    expect(variables).toHaveProperty('ADBPG_SYNC_BUCKET')
    expect(Buffer.byteLength(JSON.stringify(variables))).toBeLessThan(4096 - 1024)
  })

  it.each([
    ['plan', malloc],
    ['stage', { ...malloc, ...youngHeap }],
    ['load', { ...malloc, ...youngHeap }],
  ])('%s gives back memory that it has let go', (name, variables) => {
    expect(previewed[name]?.props.environmentVariables).toMatchObject(variables)
  })

  it('tells tick when it has failed for good, but for tick itself, which would go round in circles', () => {
    const tick = 'acs:fc:cn-hangzhou:1000000000000001:functions/adbpg-sync-tick'
    for (const { name, props } of deployed) {
      const told = StrictProperties.parse(props).asyncInvokeConfig.destinationConfig?.onFailure.destination
      expect(told, name).toBe(['tick', 'api'].includes(name) ? undefined : tick)
    }
  })

  it('has secrets only by reference to the environment, and none in the file', () => {
    for (const name of [...secretNames, 'ADBPG_SYNC_API_TOKEN'])
      for (const [, value] of text.matchAll(new RegExp(`^ +${name}: (.*)$`, 'gm')))
        expect(value).toBe(`$\{env('${name}', '')}`)
  })
})
