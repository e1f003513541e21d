import type { Source } from '../connectors/contract.ts'
import { type ChangeFields, compileTransform } from '../transform/compile.ts'
import type { EndsContext } from './ends.ts'

/**
 * What the job does to the fields of each record, by the types that its source has now; null: nothing.
 * @throws job/invalid, job/unsupported for a step that cannot be done
 */
export async function changesOf({ run }: EndsContext, source: Source): Promise<ChangeFields | null> {
  const { transform = [] } = run.spec
  return transform.length === 0 ? null : await compileTransform(transform, await source.columns())
}
