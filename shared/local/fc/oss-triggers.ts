import { TransferError } from '../../errors/index.ts'
import type { FunctionDefinition, OssTrigger } from './functions.ts'

/** The part of a notification that a trigger looks at. */
export interface ObjectEvent {
  readonly eventName: string
  readonly oss: { readonly bucket: { readonly name: string }; readonly object: { readonly key: string } }
}

const bucketOf = (trigger: OssTrigger) => trigger.sourceArn.split(':').at(-1) ?? ''
const triggersOf = (definition: FunctionDefinition) =>
  definition.triggers.filter((trigger) => trigger.triggerType === 'oss')

/** Trigger configurations write `oss:ObjectCreated:PutObject`, events `ObjectCreated:PutObject`; `*` stands for the rest. */
function listensFor(trigger: OssTrigger, event: ObjectEvent): boolean {
  const { prefix, suffix } = trigger.triggerConfig.filter.key
  const { key } = event.oss.object
  const name = `oss:${event.eventName}`
  return (
    bucketOf(trigger) === event.oss.bucket.name &&
    key.startsWith(prefix) &&
    key.endsWith(suffix) &&
    trigger.triggerConfig.events.some((wanted) =>
      wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted,
    )
  )
}

export function functionsFor(definitions: readonly FunctionDefinition[], event: ObjectEvent): string[] {
  return definitions.flatMap((definition) =>
    triggersOf(definition)
      .filter((trigger) => listensFor(trigger, event))
      .map(() => definition.functionName),
  )
}

/**
 * Two rules of one bucket may not overlap in prefix and suffix for one event type (fc-oss.md §4.2).
 * @throws platform/misconfigured in the words of the cloud
 */
export function refuseOverlaps(definitions: readonly FunctionDefinition[]): void {
  const rules = definitions.flatMap(triggersOf)
  for (const [index, one] of rules.entries()) {
    for (const other of rules.slice(index + 1)) {
      if (bucketOf(one) !== bucketOf(other) || !shareEvent(one, other) || !overlap(one, other)) continue
      const names = `${one.triggerName} and ${other.triggerName}`
      throw new TransferError(
        'platform/misconfigured',
        `Cannot specify overlapping prefix and suffix with same event type: ${names}`,
      )
    }
  }
}

const shareEvent = (one: OssTrigger, other: OssTrigger) =>
  one.triggerConfig.events.some((a) => other.triggerConfig.events.some((b) => matches(a, b) || matches(b, a)))
const matches = (pattern: string, name: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name

function overlap(one: OssTrigger, other: OssTrigger): boolean {
  const [a, b] = [one.triggerConfig.filter.key, other.triggerConfig.filter.key]
  const prefixes = a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix)
  const suffixes = a.suffix.endsWith(b.suffix) || b.suffix.endsWith(a.suffix)
  return prefixes && suffixes
}
