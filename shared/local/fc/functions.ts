import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { issuesText, TransferError } from '../../errors/index.ts'

const Destination = z.object({ destination: z.string() }).optional()

const TimerTrigger = z.object({
  triggerName: z.string(),
  triggerType: z.literal('timer'),
  triggerConfig: z.object({ cronExpression: z.string(), enable: z.boolean(), payload: z.string().optional() }),
})
const OssTrigger = z.object({
  triggerName: z.string(),
  triggerType: z.literal('oss'),
  sourceArn: z.string(),
  triggerConfig: z.object({
    events: z.array(z.string()),
    filter: z.object({ key: z.object({ prefix: z.string(), suffix: z.string() }) }),
  }),
})
const HttpTrigger = z.object({
  triggerName: z.string(),
  triggerType: z.literal('http'),
  triggerConfig: z.object({
    methods: z.array(z.string()),
    /** Without a signature, as our API has it: a local server that did not ask for one would be the more open of the two. */
    authType: z.literal('anonymous').default('anonymous'),
  }),
})
const Trigger = z.discriminatedUnion('triggerType', [TimerTrigger, OssTrigger, HttpTrigger])
export type TimerTrigger = z.infer<typeof TimerTrigger>
export type OssTrigger = z.infer<typeof OssTrigger>
export type HttpTrigger = z.infer<typeof HttpTrigger>

/** The properties of the fc3 component that change how a function runs; the others concern only the cloud. */
const Properties = z.object({
  functionName: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/),
  runtime: z.literal('nodejs20'),
  handler: z.string().regex(/^\w+\.\w+$/),
  code: z.string(),
  memorySize: z.number().int().min(128).multipleOf(64),
  timeout: z.number().int().min(1).max(86_400),
  environmentVariables: z.record(z.string(), z.string()).default({}),
  instanceLifecycleConfig: z
    .object({
      /** Without a timeout of its own it has the function's. */
      initializer: z.object({ handler: z.string(), timeout: z.number().min(1).max(300).optional() }).optional(),
      preStop: z.object({ handler: z.string(), timeout: z.number().min(1).max(90).default(90) }).optional(),
    })
    .default({}),
  concurrencyConfig: z.object({ reservedConcurrency: z.number().int().min(1) }).optional(),
  asyncInvokeConfig: z
    .object({
      asyncTask: z.boolean().default(false),
      maxAsyncRetryAttempts: z.number().int().min(0).max(8).default(3),
      maxAsyncEventAgeInSeconds: z.number().int().min(1).default(86_400),
      destinationConfig: z.object({ onSuccess: Destination, onFailure: Destination }).default({}),
    })
    .prefault({}),
  triggers: z.array(Trigger).default([]),
})

export type FunctionDefinition = z.infer<typeof Properties> & { readonly codeDir: string }

const Document = z.object({
  vars: z.record(z.string(), z.unknown()).default({}),
  resources: z.record(z.string(), z.object({ component: z.string(), props: z.record(z.string(), z.unknown()) })),
})

/**
 * The functions of an `s.yaml`, as `s deploy` would create them. Of the interpolations, `${vars.x}` and `${env('A', 'd')}`
 * are understood, which is what our file uses (`s preview` in a test shows that both readers agree).
 * @throws platform/misconfigured with the path of each fault
 */
export async function readFunctions(
  yamlPath: string,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<FunctionDefinition[]> {
  const document = Document.parse(parse(await readFile(yamlPath, 'utf8')))
  const fill = (value: unknown) => interpolate(value, document.vars, variables)
  return Object.entries(document.resources)
    .filter(([, resource]) => resource.component === 'fc3')
    .map(([name, resource]) => definitionOf(name, fill(resource.props), dirname(resolve(yamlPath))))
}

function definitionOf(name: string, props: unknown, baseDir: string): FunctionDefinition {
  const parsed = Properties.safeParse(props)
  if (parsed.success) return { ...parsed.data, codeDir: resolve(baseDir, parsed.data.code) }
  throw new TransferError(
    'platform/misconfigured',
    `resources.${name}.props: ${issuesText(parsed.error.issues, props)}`,
  )
}

function interpolate(
  value: unknown,
  vars: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string | undefined>>,
): unknown {
  if (typeof value === 'string') return interpolateText(value, vars, variables)
  if (Array.isArray(value)) return value.map((item) => interpolate(item, vars, variables))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, interpolate(item, vars, variables)]))
}

function interpolateText(
  text: string,
  vars: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string | undefined>>,
): string {
  return text.replaceAll(
    /\$\{(?:vars\.(\w+)|env\('(\w+)'(?:,\s*'([^']*)')?\))\}/g,
    (whole, name, variable, fallback) => {
      if (name !== undefined) return interpolateText(String(vars[name] ?? whole), vars, variables)
      const found = variables[variable] ?? fallback
      if (found === undefined)
        throw new TransferError('platform/misconfigured', `env('${variable}') not found`, { variable })
      return found
    },
  )
}
