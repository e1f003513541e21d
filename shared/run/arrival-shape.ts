import { createHash } from 'node:crypto'
import * as z from 'zod'
import { Gather, JobSpec, type ObjectTrigger } from '../job/index.ts'
import type { World } from './world.ts'

/** What a run of arrivals of one shape is made of, as the ledger keeps it. */
export const Gathered = z.object({
  /** Without the object that it reads. */
  spec: JobSpec,
  gather: Gather,
})
export type Gathered = z.infer<typeof Gathered>

interface ArrivedFile {
  readonly bucket: string
  readonly key: string
  readonly size: number
}

export interface Shape {
  readonly name: string
  readonly gathered: Gathered
}

/**
 * What this arrival has in common with others of its job. null: it shares a run with none, because its trigger says so, because
 * the object is large, or because something is done or counted once a run.
 */
export async function shapeOf(
  world: Pick<World, 'findReader' | 'findWriter' | 'settings'>,
  spec: JobSpec,
  trigger: ObjectTrigger,
  arrived: ArrivedFile,
): Promise<Shape | null> {
  const gather = gatherOf(trigger)
  if (gather === null || arrived.size > Math.min(gather.maxFileBytes, world.settings.chunkBytes)) return null
  const { bytesPerSecond, recordsPerSecond } = spec.settings
  if (bytesPerSecond !== null || recordsPerSecond !== null) return null
  const writer = await world.findWriter(spec.writer.kind)
  if (writer.ledger === null || writer.oncePerRun?.(writer.options.parse(spec.writer.options)) != null) return null
  const bare = await forObject(world, spec, arrived, noObject)
  if (bare === null) return null
  const gathered = { spec: bare, gather }
  const name = createHash('sha256').update(JSON.stringify(gathered)).digest('hex').slice(0, 24)
  return { name, gathered }
}

const gatherOf = ({ gather }: ObjectTrigger): Gather | null => {
  if (gather === false || gather === 0) return null
  return gather ?? Gather.parse({})
}

/** No object has this key. */
const noObject = ''

/** The job of a shape, for one of its objects. */
export async function specFor(
  world: Pick<World, 'findReader'>,
  { spec }: Pick<Gathered, 'spec'>,
  object: { readonly bucket: string; readonly key: string },
): Promise<JobSpec> {
  const from = { bucket: object.bucket, key: noObject }
  return (await forObject(world, spec, from, object.key)) ?? spec
}

async function forObject(
  world: Pick<World, 'findReader'>,
  spec: JobSpec,
  from: { readonly bucket: string; readonly key: string },
  key: string,
): Promise<JobSpec | null> {
  const reader = await world.findReader(spec.reader.kind)
  const options = reader.forObject?.(spec.reader.options, from, key) ?? null
  return options === null ? null : { ...spec, reader: { ...spec.reader, options } }
}
