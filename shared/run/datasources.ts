import { asTransferError, TransferError } from '../errors/index.ts'
import type { Fault } from '../job/fault.ts'
import {
  type Datasource,
  DatasourceName,
  parseDatasource,
  parseDatasourceFile,
  parseDatasourceText,
} from '../job/index.ts'
import { didYouMean } from '../job/nearest-name.ts'
import type { FoundDatasource } from '../job/resolve-job.ts'
import { datasourceKey, datasourcePrefix } from '../staging/keys.ts'
import type { World } from './world.ts'

/*
 * The registry: `datasources/<name>.json` in the configuration bucket, a file each under our own names. Those of the
 * environment (`ADBPG_SYNC_DATASOURCES`) go before it, and those that a caller sends along go before both.
 */

type Registry = Pick<World, 'store' | 'settings' | 'remembered'>

const maxDatasourceBytes = 64 * 1024

/** @returns null when nobody knows the name. @throws job/syntax, job/invalid */
export async function findDatasource(
  world: Registry,
  given: Readonly<Record<string, unknown>>,
  name: string,
): Promise<FoundDatasource | null> {
  if (!DatasourceName.safeParse(name).success) return null
  if (Object.hasOwn(given, name)) return parseDatasource(given[name], `datasource ${name}`)
  const known = datasourcesOfEnvironment(world)
  const [ofEnvironment] = Object.hasOwn(known, name) ? [known[name]] : []
  if (ofEnvironment !== undefined) return { datasource: ofEnvironment, warnings: [] }
  return await readStored(world, name)
}

/** All names that `findDatasource` would find something under, given the same. */
export async function datasourceNames(world: Registry, given: Readonly<Record<string, unknown>>): Promise<string[]> {
  const names = new Set([...Object.keys(given), ...Object.keys(datasourcesOfEnvironment(world))])
  for await (const { key } of world.store.list(datasourcePrefix)) names.add(nameOfKey(key))
  return [...names].sort()
}

const nameOfKey = (key: string) => key.slice(datasourcePrefix.length).replace(/\.json$/, '')

const datasourcesOfEnvironment = ({ settings }: Registry): Readonly<Record<string, Datasource>> =>
  settings.datasources === null ? {} : parseDatasourceFile(settings.datasources, 'ADBPG_SYNC_DATASOURCES').datasources

async function readStored({ store, remembered }: Registry, name: string): Promise<FoundDatasource | null> {
  const key = datasourceKey(name)
  const found = await store.read(key, maxDatasourceBytes)
  if (found === null) return null
  const known = remembered?.datasources.get(key)
  if (known?.etag === found.etag) return known.datasource
  const datasource = parseDatasourceText(found.body.toString('utf8'), key)
  remembered?.datasources.set(key, { etag: found.etag, datasource })
  return datasource
}

/** A line of the list: what is known of a datasource, or why it cannot be used. */
export type ListedDatasource = {
  readonly name: string
  readonly from: 'environment' | 'bucket'
} & ({ readonly definition: Datasource } | { readonly error: { readonly code: string; readonly message: string } })

/** By name; one of the environment hides one of the bucket. One that cannot be read does not hide the others. */
export async function listDatasources(world: Registry): Promise<ListedDatasource[]> {
  const listed = new Map<string, ListedDatasource>()
  for (const [name, definition] of Object.entries(datasourcesOfEnvironment(world)))
    listed.set(name, { name, from: 'environment', definition })
  for await (const { key } of world.store.list(datasourcePrefix)) {
    const name = nameOfKey(key)
    if (!listed.has(name)) listed.set(name, await listedFromBucket(world, name))
  }
  return [...listed.values()].sort((a, b) => a.name.localeCompare(b.name))
}

async function listedFromBucket(world: Registry, name: string): Promise<ListedDatasource> {
  try {
    const { datasource } = (await readStored(world, name)) ?? (await unknown(world, name))
    return { name, from: 'bucket', definition: datasource }
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (!error.code.startsWith('job/')) throw error
    return { name, from: 'bucket', error: { code: error.code, message: error.message } }
  }
}

/**
 * Keeps a definition under a name, in our form and without what has no effect. Of two that add the same name at once, one
 * is refused.
 * @param place adds line and column to faults of a definition that was read from a text
 * @throws job/invalid for a definition that is none, job/name-taken for a name that is taken when `replace` is false
 */
export async function saveDatasource(
  world: Registry,
  name: string,
  definition: unknown,
  { replace, place }: { replace: boolean; place?: (fault: Fault) => Fault },
): Promise<FoundDatasource> {
  const named = DatasourceName.safeParse(name)
  if (!named.success) throw new TransferError('job/invalid', named.error.issues[0]?.message ?? 'no name', { name })
  const parsed = parseDatasource(definition, `datasource ${name}`, place)
  const body = Buffer.from(`${JSON.stringify(parsed.datasource, null, 2)}\n`)
  try {
    await world.store.put(datasourceKey(name), body, { contentType: 'application/json', ifAbsent: !replace })
  } catch (thrown) {
    if (asTransferError(thrown).code !== 'target/object-exists') throw thrown
    const message = `a datasource ${name} is registered already`
    throw new TransferError('job/name-taken', message, { name }, { cause: thrown })
  }
  return parsed
}

/** @returns what was removed; null where it could not be read. @throws job/unknown-datasource */
export async function removeDatasource(world: Registry, name: string): Promise<Datasource | null> {
  const head = DatasourceName.safeParse(name).success ? await world.store.head(datasourceKey(name)) : null
  if (head === null) return await unknown(world, name)
  const listed = await listedFromBucket(world, name)
  await world.store.remove([datasourceKey(name)])
  return 'definition' in listed ? listed.definition : null
}

/** @throws job/unknown-datasource, job/invalid */
export async function readDatasourceNamed(world: Registry, name: string): Promise<FoundDatasource> {
  return (await findDatasource(world, {}, name)) ?? (await unknown(world, name))
}

/** @throws job/unknown-datasource, with the name that was probably meant */
async function unknown(world: Registry, name: string): Promise<never> {
  const hint = didYouMean(name, await datasourceNames(world, {}))
  throw new TransferError('job/unknown-datasource', `no datasource is named ${name}${hint}`, { datasource: name })
}
