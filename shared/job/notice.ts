import * as z from 'zod'
import type { SecretRef } from '../ports/index.ts'
import { type Fault, faultAt, faultOf, type Path } from './fault.ts'
import { isReference } from './secret-reference.ts'

const Reference = z.custom<SecretRef>((value) => typeof value === 'string' && isReference(value))

/** Who is told of the end of a run, in the job document. */
export const NoticeShape = z.strictObject({
  on: z
    .array(z.enum(['succeeded', 'failed', 'stopped']))
    .min(1)
    .default(['failed'])
    .describe('Which ends are told of.'),
  webhook: z
    .string()
    .min(1)
    .meta({
      description: 'A reference to a URL, or a URL that holds no token.',
      examples: ['env:DINGTALK_WEBHOOK', 'https://alerts.example.com/adbpg-sync'],
    }),
  format: z.enum(['json', 'dingtalk', 'feishu']).default('json').describe('What the receiver understands.'),
  secret: z.string().min(1).optional().describe('A reference to the secret that signs, where the receiver checks it.'),
})
export type NoticeShape = z.infer<typeof NoticeShape>

/** The same with secrets that are references for certain: what a run keeps in the ledger. */
export const Notice = z.object({
  on: z.array(z.enum(['succeeded', 'failed', 'stopped'])),
  /** Otherwise a URL without a token. */
  webhook: z.string(),
  format: z.enum(['json', 'dingtalk', 'feishu']),
  secret: Reference.nullable(),
})
export type Notice = z.infer<typeof Notice>

/** The address of a robot is all that guards it, so it is a secret; so is any URL with a query, where tokens stand. */
export function noticesOf(shapes: readonly NoticeShape[], path: Path, faults: Fault[]): Notice[] {
  return shapes.map(({ on, webhook, format, secret }, index) => {
    checkWebhook(webhook, format, [...path, index, 'webhook'], faults)
    const reference = secret === undefined ? null : referenceOf(secret, [...path, index, 'secret'], faults)
    return { on, webhook, format, secret: reference }
  })
}

function checkWebhook(webhook: string, format: NoticeShape['format'], path: Path, faults: Fault[]): void {
  if (isReference(webhook)) return
  const url = URL.canParse(webhook) ? new URL(webhook) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    faults.push(faultAt(path, 'must be a reference such as "env:NAME", or a URL with http or https'))
    return
  }
  const isOpen = url.search === '' && url.username === '' && url.password === '' && format === 'json'
  if (isOpen) return
  const reason = format === 'json' ? 'has a query or a user, where tokens stand' : `of ${format} is a secret by itself`
  faults.push(
    faultAt(path, `${reason}; write a reference: "env:NAME", "kms:NAME" or "vault:NAME"`, 'job/literal-secret'),
  )
}

function referenceOf(text: string, path: Path, faults: Fault[]): SecretRef | null {
  if (isReference(text)) return text
  faults.push(
    faultOf(
      path,
      undefined,
      'is a secret in plain text; write a reference: "env:NAME", "kms:NAME" or "vault:NAME"',
      'job/literal-secret',
    ),
  )
  return null
}

/** For people to recognise: the reference, or the host. */
export const placeOfNotice = ({ webhook }: Notice): string =>
  isReference(webhook) ? webhook : URL.canParse(webhook) ? new URL(webhook).host : 'no URL'
