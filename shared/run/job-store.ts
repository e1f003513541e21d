import { createHash } from 'node:crypto'
import * as z from 'zod'
import { asTransferError, TransferError } from '../errors/index.ts'
import { didYouMean } from '../job/nearest-name.ts'
import type { ObjectStore, PostgresConnection } from '../ports/index.ts'
import {
  documentIncidentPrefix,
  incidentPrefix,
  jobKey,
  jobPrefix,
  ledgerKey,
  ledgerPrefix,
  nameOfJobKey,
} from '../staging/keys.ts'
import { LedgerAddress } from './events.ts'

export const maxDocumentBytes = 4 * 1024 * 1024

/** A version of a stored document. */
export interface DocumentVersion {
  readonly key: string
  readonly etag: string
}

export interface StoredJob extends DocumentVersion {
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
    yield { name, key: head.key, etag: head.etag, savedAt: head.lastModified, text }
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
  const digest = digestOf(JSON.stringify(incident.context) + incident.message)
  await store.put(`${incidentPrefix}${incident.at.slice(0, 13)}-${digest}.json`, bodyOf(incident), json)
  return incident
}

const json = { contentType: 'application/json' } as const
const bodyOf = (incident: Incident) => Buffer.from(JSON.stringify(incident))
const digestOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12)

/**
 * What is wrong with a stored document is told once, however often it is read: a second put of the same version and words is
 * refused by the store. `context.job` names the job.
 */
export async function recordDocumentIncident(
  store: ObjectStore,
  error: TransferError,
  { key, etag }: DocumentVersion,
  at: Date,
): Promise<void> {
  const { context, ...report } = error.report()
  const incident: Incident = { at: at.toISOString(), ...report, context: { ...context, key, etag } }
  const name = `${documentIncidentPrefix}${digestOf(key + etag + incident.message)}.json`
  try {
    await store.put(name, bodyOf(incident), { ...json, ifAbsent: true })
  } catch (thrown) {
    if (asTransferError(thrown).code !== 'target/object-exists') throw thrown
  }
}

/**
 * First what is wrong with documents as they are now, then what happened, newest first.
 * @param job null: of all jobs and of none
 */
export async function listIncidents(store: ObjectStore, limit: number, job: string | null = null): Promise<Incident[]> {
  const ofDocuments: string[] = []
  const others: { key: string; lastModified: Date }[] = []
  for await (const head of store.list(incidentPrefix)) {
    if (head.key.startsWith(documentIncidentPrefix)) ofDocuments.push(head.key)
    else others.push(head)
  }
  const newest = others.sort((a, b) => b.lastModified.getTime() - a.lastModified.getTime()).map(({ key }) => key)
  const found = (await readIncidents(store, ofDocuments)).filter((one) => isAbout(one, job))
  const present = await Promise.all(found.map((one) => isPresent(store, one)))
  const standing = newestFirst(found.filter((_, index) => present[index]))
  const wanted = limit - standing.length
  return [...standing, ...newestFirst(await firstAbout(store, newest, job, wanted))].slice(0, limit)
}

const isAbout = ({ context }: Incident, job: string | null) => job === null || context.job === job
const newestFirst = (incidents: readonly Incident[]) => [...incidents].sort((a, b) => b.at.localeCompare(a.at))

/** The document is as it was: neither mended nor deleted. */
async function isPresent(store: ObjectStore, { context: { key, etag } }: Incident): Promise<boolean> {
  return (await store.head(String(key)))?.etag === etag
}

const readAtOnce = 50

/** Which job an incident is about stands within it, so they are read until there are enough. */
async function firstAbout(
  store: ObjectStore,
  keys: readonly string[],
  job: string | null,
  wanted: number,
): Promise<Incident[]> {
  const found: Incident[] = []
  for (let at = 0; at < keys.length && found.length < wanted; at += readAtOnce)
    found.push(...(await readIncidents(store, keys.slice(at, at + readAtOnce))).filter((one) => isAbout(one, job)))
  return found
}

async function readIncidents(store: ObjectStore, keys: readonly string[]): Promise<Incident[]> {
  const found = await Promise.all(keys.map((key) => store.read(key, maxDocumentBytes)))
  return found
    .filter((object) => object !== null)
    .map((object) => Incident.parse(JSON.parse(object.body.toString('utf8'))))
}
