import { functionsFor, type ObjectEvent } from './oss-triggers.ts'
import type { Parts } from './parts.ts'

/** One invocation for each trigger that listens; resolves once they are on disk. */
export async function deliver({ definitions, queue, options }: Parts, events: readonly ObjectEvent[]): Promise<void> {
  for (const event of events) {
    const listening = functionsFor(definitions, event)
    for (const name of listening) await queue.accept(name, Buffer.from(JSON.stringify({ events: [event] })), null)
    if (listening.length === 0)
      options.log.info('no trigger listens', { event: event.eventName, key: event.oss.object.key })
  }
}

export async function fireTimer({ queue, options }: Parts, name: string, event: object): Promise<void> {
  try {
    await queue.accept(name, Buffer.from(JSON.stringify(event)), null)
  } catch (error) {
    options.log.error('a timer event is lost', { function: name, reason: String(error) })
  }
}
