import { createHash } from 'node:crypto'
import * as z from 'zod'
import { asTransferError, TransferError } from '../errors/index.ts'
import { didYouMean } from '../job/nearest-name.ts'
import type { ObjectStore, PostgresConnection } from '../ports/index.ts'
import { incidentPrefix, jobKey, jobPrefix, ledgerKey, ledgerPrefix, nameOfJobKey } from '../staging/keys.ts'
import { LedgerAddress } from './events.ts'

const maxDocumentBytes = 4 * 1024 * 1024

export interface StoredJob {
  readonly name: string
  readonly savedAt: Date
  /** null: deleted since it was listed. @throws event/too-large */
  text(): Promise<string | null>
}

/** @throws job/unknown-job */
export async function readJobText(store: ObjectStore, name: string): Promise<string> {
  const found = await store.read(jobKey(name), maxDocumentBytes)
  if (found === null) {
    const names: string[] = []
    for await (const job of listJobs(store)) names.push(job.name)
    const message = `no job named ${name}${didYouMean(name, names)}`
    throw new TransferError('job/unknown-job', message, { job: name, key: jobKey(name) })
  }
  return found.body.toString('utf8')
}

export async function* listJobs(store: ObjectStore): AsyncIterable<StoredJob> {
  for await (const head of store.list(jobPrefix)) {
    const name = nameOfJobKey(head.key)
    const text = async () => (await store.read(head.key, maxDocumentBytes))?.body.toString('utf8') ?? null
    yield { name, savedAt: head.lastModified, text }
  }
}

/** Ledgers that runs were started in, so that `tick` finds them even when the job was never stored. */
export async function registerLedger(store: ObjectStore, address: PostgresConnection): Promise<void> {
  const text = JSON.stringify(address)
  const key = ledgerKey(createHash('sha256').update(text).digest('hex').slice(0, 16))
  if ((await store.head(key)) === null) await store.put(key, Buffer.from(text), { contentType: 'application/json' })
}

export async function listLedgers(store: ObjectStore): Promise<PostgresConnection[]> {
  const addresses: PostgresConnection[] = []
  for await (const head of store.list(ledgerPrefix)) {
    const found = await store.read(head.key, maxDocumentBytes)
    if (found !== null) addresses.push(LedgerAddress.parse(JSON.parse(found.body.toString('utf8'))))
  }
  return addresses
}

/** Something that happened outside any run and that somebody should see: an event for no job, a start that was refused. */
export const Incident = z.object({
  at: z.string(),
  code: z.string(),
  message: z.string(),
  advice: z.string(),
  context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
})
export type Incident = z.infer<typeof Incident>

/** Its key is made of hour and content: trouble that comes back every minute is one incident an hour, with its last time. */
export async function recordIncident(store: ObjectStore, thrown: unknown, at: Date): Promise<Incident> {
  const incident: Incident = { at: at.toISOString(), ...asTransferError(thrown).report() }
  const digest = createHash('sha256')
    .update(JSON.stringify(incident.context) + incident.message)
    .digest('hex')
    .slice(0, 12)
  const key = `${incidentPrefix}${incident.at.slice(0, 13)}-${digest}.json`
  await store.put(key, Buffer.from(JSON.stringify(incident)), { contentType: 'application/json' })
  return incident
}

/** Newest first. */
export async function listIncidents(store: ObjectStore, limit: number): Promise<Incident[]> {
  const heads: { key: string; lastModified: Date }[] = []
  for await (const head of store.list(incidentPrefix)) heads.push(head)
  const newest = heads.sort((a, b) => b.lastModified.getTime() - a.lastModified.getTime()).slice(0, limit)
  const found = await Promise.all(newest.map(({ key }) => store.read(key, maxDocumentBytes)))
  return found
    .filter((object) => object !== null)
    .map((object) => Incident.parse(JSON.parse(object.body.toString('utf8'))))
    .sort((a, b) => b.at.localeCompare(a.at))
}
