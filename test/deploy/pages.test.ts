import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { configNames, functionNames, previewDeployment, root } from '../support/deployment.ts'

const previewed = await previewDeployment()

const Policy = z.strictObject({
  Version: z.literal('1'),
  Statement: z.array(
    z.strictObject({
      Effect: z.literal('Allow'),
      Action: z.union([z.string(), z.array(z.string())]).transform((actions) => [actions].flat()),
      Resource: z.array(z.string()).optional(),
      Principal: z.unknown().optional(),
      Condition: z.strictObject({ StringLike: z.strictObject({ 'oss:Prefix': z.array(z.string()) }) }).optional(),
    }),
  ),
})

describe.each(['docs/deploy.md', 'docs/deploy.zh-CN.md'])('%s', (file) => {
  const page = readFileSync(join(root, file), 'utf8')
  const blocks = [...page.matchAll(/^`adbpg-sync-(\w+)`\n\n```json\n(.*?)\n```/gms)]
  const policies = blocks.map(([, name = '', json = '']) => ({ name, policy: Policy.parse(JSON.parse(json)) }))

  it('has a policy for the role of each function', () => {
    expect(policies.map(({ name }) => name).sort()).toEqual(functionNames)
  })

  it.each(policies)('gives $name no more than named actions on named prefixes, and never a write under in/', (one) => {
    for (const { Action: actions, Resource: resources = [], Condition: condition } of one.policy.Statement) {
      for (const action of actions)
        expect(action).toMatch(
          /^(oss:(GetObject|PutObject|DeleteObject|ListObjects|ListParts|AbortMultipartUpload)|fc:InvokeFunction)$/,
        )
      const changes = actions.some((action) => /Put|Delete|Abort/.test(action))
      for (const resource of resources) {
        expect(resource).toMatch(
          /^acs:oss:\*:\*:BUCKET(\/[a-z]+\/\*)?$|^acs:fc:REGION:UID:functions\/adbpg-sync-[a-z]+$/,
        )
        if (changes) expect(resource).not.toMatch(/BUCKET(\/in\/\*)?$/)
        if (resource.startsWith('acs:fc:')) expect(functionNames).toContain(resource.split('-').at(-1))
      }
      if (actions.includes('oss:ListObjects')) expect(condition).toBeDefined()
    }
  })

  it('lets each function with a failure destination call it', () => {
    for (const { name, policy } of policies) {
      const targets = policy.Statement.filter(({ Action: actions }) => actions.includes('fc:InvokeFunction'))
      const callsTick = targets.flatMap(({ Resource: all = [] }) => all).some((resource) => resource.endsWith('-tick'))
      const props = previewed[name]?.props
      expect(callsTick, name).toBe(JSON.stringify(props?.asyncInvokeConfig).includes('destinationConfig'))
    }
  })

  it('lists every variable that is read, and no other, and those of the shell', () => {
    const listed = [...page.matchAll(/^\| `(ADBPG_SYNC_\w+)`/gm)].map(([, name]) => name)
    expect(listed).toEqual(expect.arrayContaining(configNames))
    expect(configNames).toEqual(expect.arrayContaining(listed))
    for (const name of ['ALIYUN_UID', 'REGION', 'BUCKET', 'VPC_ID', 'VSWITCH_ID', 'SECURITY_GROUP_ID'])
      expect(page).toMatch(new RegExp(`export .*\\b${name}=`))
  })

  it('shows only JSON that can be read', () => {
    for (const [, json = ''] of page.matchAll(/```json\n(.*?)\n```/gs)) expect(() => JSON.parse(json)).not.toThrow()
  })

  it('has the policies and numbers of the other language', () => {
    const other = readFileSync(join(root, file.includes('zh') ? 'docs/deploy.md' : 'docs/deploy.zh-CN.md'), 'utf8')
    const jsonOf = (text: string) => [...text.matchAll(/```json\n(.*?)\n```/gs)].map(([, json]) => json)
    expect(jsonOf(page)).toEqual(jsonOf(other))
    const cost = (text: string) => new Set(text.match(/\d+(?:[.,]\d+)+/g))
    expect(cost(page)).toEqual(cost(other))
  })
})
