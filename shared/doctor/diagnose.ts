import * as z from 'zod'
import { asTransferError } from '../errors/index.ts'
import type { JobDocument, JobSpec } from '../job/index.ts'
import type { FunctionName } from '../ports/index.ts'
import type { World } from '../run/world.ts'
import type { DoctorEvent } from './examine.ts'
import { Finding, failedBy, ofAll, passed, skipped, warned } from './finding.ts'
import { checkFunctions } from './functions.ts'
import { checkTriggers, type Watched } from './triggers.ts'

export interface Patient {
  /** null: only the deployment is looked at. */
  readonly job: { readonly document: JobDocument; readonly spec: JobSpec } | null
  /** Those the caller may call. */
  readonly functions: readonly FunctionName[]
  /** OSS triggers of `s.yaml`; null where it is not at hand. */
  readonly watched: readonly Watched[] | null
  /** Of the caller. */
  readonly version: string
}

/** Everything that must be in order for a job to run, one finding each. The functions look, as it is they who will work. */
export async function diagnose(world: World, patient: Patient): Promise<Finding[]> {
  const functions = ofAll('functions', await checkFunctions(world, patient.functions, patient.version))
  const { job } = patient
  const home = { bucket: world.store.bucket, now: world.clock.now() }
  if (job === null) return [...functions, ...(await asked(world, functions, { what: 'bucket' }))]
  const { spec, document } = job
  return [
    ...functions,
    ...(await asked(world, functions, { what: 'bucket' })),
    ...ofAll('job', [jobResult(spec), ...(await checkTriggers(document, patient.watched, home))]),
    ...(await asked(world, functions, { what: 'job', spec })),
  ]
}

function jobResult({ reader, writer, warnings }: JobSpec) {
  const what = `${reader.kind} to ${writer.kind}`
  const [first] = warnings
  return first === undefined
    ? passed('script', what)
    : warned('script', `${what}; ${first}`, 'Look at the warnings with `adbpg-sync plan`.')
}

const examineWithinMs = 110_000

/** A plan that does not answer has a finding already. */
async function asked(world: World, functions: readonly Finding[], doctor: DoctorEvent['doctor']): Promise<Finding[]> {
  const isUp = functions.every(({ check, state }) => check !== 'plan' || state !== 'failed')
  return isUp
    ? await askPlan(world, doctor)
    : ofAll(doctor.what, [skipped('all', 'the function plan has to answer first')])
}

/** @returns what the function has found, or that it could not be asked */
export async function askPlan({ invoker }: Pick<World, 'invoker'>, doctor: DoctorEvent['doctor']): Promise<Finding[]> {
  const about = doctor.what === 'datasource' ? doctor.name : doctor.what
  try {
    return z.array(Finding).parse(await invoker.invokeSync('plan', { doctor }, examineWithinMs))
  } catch (thrown) {
    return ofAll(about, [failedBy('function plan', asTransferError(thrown))])
  }
}
