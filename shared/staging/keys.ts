import { RunId } from '../job/index.ts'

/** What the trigger of the object function watches (s.yaml). */
export const watchedPrefix = 'in/'

/*
 * The one place that builds and parses keys of the configuration and staging bucket. None of them lies under `in/`, the
 * prefix that the object trigger watches, so what we write can never start a run.
 */

export const jobPrefix = 'jobs/'
export const datasourcePrefix = 'datasources/'
export const ledgerPrefix = 'ledgers/'
export const incidentPrefix = 'incidents/'
/** Of stored documents: each belongs to one version of one, and means nothing once that is gone. */
export const documentIncidentPrefix = `${incidentPrefix}jobs/`

export const tickMarksKey = 'state/ticks.json'
export const jobKey = (name: string) => `${jobPrefix}${name}.json`
export const nameOfJobKey = (key: string) => key.slice(jobPrefix.length).replace(/\.json$/, '')
export const isJobKey = (key: string) => key.startsWith(jobPrefix)
export const datasourceKey = (name: string) => `${datasourcePrefix}${name}.json`
export const ledgerKey = (digest: string) => `${ledgerPrefix}${digest}.json`
export const stagePrefix = (runId: RunId) => `stage/${runId}/`
export const dirtyPrefix = (runId: RunId) => `dirty/${runId}/`

/** Of the dirty records that one load met. */
export function dirtyPrefixOfChunk(chunk: { runId: RunId; ordinal: number; part: number }): string {
  return `${dirtyPrefix(chunk.runId)}${padded(chunk.ordinal)}-${chunk.part}-`
}

/** Of those that one attempt at reading a slice met: of two attempts, only the sealed one's count. */
export function dirtyPrefixOfSlice(slice: { runId: RunId; slice: number; attempt: string }): string {
  return `${dirtyPrefix(slice.runId)}slice-${padded(slice.slice)}-${slice.attempt}-`
}

export const dirtyObjectKey = (prefix: string, index: number) => `${prefix}${padded(index)}.jsonl`

/** A staged chunk. `attempt` keeps two executions of one slice apart: the ledger decides which of them counts. */
export interface StagedChunk {
  readonly runId: RunId
  readonly slice: number
  readonly attempt: string
  readonly index: number
}

export function formatStagedChunk({ runId, slice, attempt, index }: StagedChunk): string {
  return `${stagePrefix(runId)}${padded(slice)}/${attempt}/${padded(index)}.copy`
}

export function parseStagedChunk(key: string): StagedChunk | null {
  const found = /^stage\/(r[0-9a-f]{24})\/(\d{6,})\/([0-9a-z]+)\/(\d{6,})\.copy$/.exec(key)
  if (found === null) return null
  const [, runId = '', slice = '', attempt = '', index = ''] = found
  return { runId: RunId.parse(runId), slice: Number(slice), attempt, index: Number(index) }
}

const padded = (value: number) => String(value).padStart(6, '0')

/** What `doctor` writes and removes again. */
export const probeKey = (name: string) => `doctor/${name}`
