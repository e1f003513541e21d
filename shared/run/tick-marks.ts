import * as z from 'zod'
import type { ObjectStore } from '../ports/index.ts'
import { tickMarksKey } from '../staging/keys.ts'

/**
 * Up to which time the schedules of each job have been looked at, so that a downtime is known for one. A mark that is too old,
 * because two ticks wrote at once, only makes a window longer: the keys of runs keep a time from being started twice.
 */
export type TickMarks = Readonly<Record<string, Date>>

const Marks = z.record(z.string(), z.coerce.date())
const maxBytes = 4 * 1024 * 1024

export async function readTickMarks(store: ObjectStore): Promise<TickMarks> {
  const found = await store.read(tickMarksKey, maxBytes)
  return found === null ? {} : Marks.parse(JSON.parse(found.body.toString('utf8')))
}

export async function writeTickMarks(store: ObjectStore, marks: TickMarks): Promise<void> {
  await store.put(tickMarksKey, Buffer.from(JSON.stringify(marks)), { contentType: 'application/json' })
}
