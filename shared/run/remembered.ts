import type { FoundDatasource } from '../job/resolve-job.ts'
import type { ObjectStore } from '../ports/index.ts'
import { datasourcePrefix } from '../staging/keys.ts'
import type { DatedJob } from './jobs.ts'

/** What an instance keeps from one request to the next, to ask less. */
export interface Remembered {
  /** Ledgers that the bucket knows of. */
  readonly ledgers: Set<string>
  /** Documents by key, each of one version. */
  readonly jobs: Map<string, { readonly etag: string; readonly job: DatedJob }>
  /** Definitions by key, each of one version. */
  readonly datasources: Map<string, { readonly etag: string; readonly datasource: FoundDatasource }>
  configuration: Configuration | null
}

/** The bucket's jobs and datasources at one time. */
export interface Configuration {
  readonly readAt: Date
  readonly jobs: readonly DatedJob[]
  /** Reads datasources once. */
  readonly store: ObjectStore
}

export const openRemembered = (): Remembered => ({
  ledgers: new Set(),
  jobs: new Map(),
  datasources: new Map(),
  configuration: null,
})

/** Event times are whole seconds, of another clock than ours. */
const clockErrorMs = 2_000

/**
 * What was read after something happened tells all that was configured when it did, so of ten thousand objects that wait for their
 * turn only the newest make us ask again.
 */
export const isNewEnough = ({ readAt }: Configuration, happenedAt: Date): boolean =>
  readAt.getTime() - happenedAt.getTime() >= clockErrorMs

/** A store that is asked for each datasource once. */
export function readingOnce(store: ObjectStore): ObjectStore {
  const reads = new Map<string, ReturnType<ObjectStore['read']>>()
  return {
    ...store,
    async read(key, maxBytes) {
      if (!key.startsWith(datasourcePrefix)) return await store.read(key, maxBytes)
      const known = reads.get(key) ?? store.read(key, maxBytes)
      reads.set(key, known)
      try {
        return await known
      } catch (error) {
        reads.delete(key)
        throw error
      }
    },
  }
}
