import * as z from 'zod'
import { connectionOf, JobSpec, parseDatasource } from '../job/index.ts'
import type { Deadline, World } from '../run/world.ts'
import { checkBucket } from './bucket.ts'
import { checkConnection } from './connection.ts'
import { type Finding, ofAll } from './finding.ts'
import { examineJob } from './job.ts'

/**
 * A question to the function `plan`, which looks at both ends of a job anyway: from the network of the functions, with their
 * secrets and a role that may read what is to be read. A laptop sees another network.
 */
export const DoctorEvent = z.strictObject({
  doctor: z.discriminatedUnion('what', [
    z.strictObject({ what: z.literal('bucket') }),
    z.strictObject({ what: z.literal('job'), spec: JobSpec }),
    /** Secrets in the definition are references. */
    z.strictObject({ what: z.literal('datasource'), name: z.string(), definition: z.unknown() }),
  ]),
})
export type DoctorEvent = z.infer<typeof DoctorEvent>

export async function examine(world: World, { doctor }: DoctorEvent, deadline: Deadline): Promise<Finding[]> {
  if (doctor.what === 'job') return await examineJob(world, doctor.spec, deadline)
  if (doctor.what === 'bucket') return ofAll('bucket', await checkBucket(world.store))
  const { datasource } = parseDatasource(doctor.definition, `datasource ${doctor.name}`)
  return ofAll(doctor.name, await checkConnection(world, connectionOf(datasource), deadline))
}
