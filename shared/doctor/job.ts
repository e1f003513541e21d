import { copyText } from '../codecs/encoding.ts'
import type { CopyTarget, Source, Target } from '../connectors/contract.ts'
import { asTransferError } from '../errors/index.ts'
import type { Connection, JobSpec } from '../job/index.ts'
import type { ObjectStore, SqlSession } from '../ports/index.ts'
import { probeCapabilities } from '../postgres/capabilities.ts'
import { refuseUnfit, targetBytesOf, writingDecisions } from '../run/decide-work.ts'
import { type EndsContext, ledgerOf, openSource, openTarget } from '../run/ends.ts'
import { incrementalOf } from '../run/increment.ts'
import { mergePlanOf } from '../run/put-of.ts'
import { isAtomic, publicationPlanOf } from '../run/run-staging.ts'
import type { Deadline, World } from '../run/world.ts'
import type { Column } from '../schema/index.ts'
import { compareColumns } from './columns.ts'
import { checkConnection, type InSession, lookedAt } from './connection.ts'
import { checked, type Finding, failedBy, isFine, ofAll, passed, type Result, skipped, warned } from './finding.ts'
import { checkLedgerRights, checkTargetRights } from './postgres-rights.ts'

type Role = 'reader' | 'writer' | 'ledger'

/** Both ends of a job and the database of its ledger, each server once, in the order in which data flows. */
export async function examineJob(world: World, spec: JobSpec, deadline: Deadline): Promise<Finding[]> {
  const context: EndsContext = { world, log: world.log, deadline: bounded(deadline), run: { spec, trigger: null } }
  const found: Finding[] = []
  const open = new Set<Role>()
  const { placed, refused } = await connectionsOf(world, spec)
  found.push(...ofAll('ledger', refused))
  for (const { roles, connection } of placed) {
    const more: InSession = async (sql) =>
      roles.includes('ledger') && connection.kind === 'postgres' ? [await checkLedgerRights(sql, connection.user)] : []
    const results = await checkConnection(world, connection, deadline, more)
    if (isFine(results.filter(({ check }) => check !== 'privileges'))) for (const role of roles) open.add(role)
    found.push(...ofAll(roles.join(', '), results))
  }
  const reader = open.has('reader') ? await examineReader(context) : unreached
  const writer = open.has('writer') ? await examineWriter(context) : unreached
  const both =
    reader.columns === undefined || writer.columns === undefined
      ? [skipped('columns', 'needs both ends')]
      : [compareColumns(reader.columns, writer.columns), await checkFit(context)]
  return [
    ...found,
    ...ofAll('reader', reader.results),
    ...ofAll('writer', writer.results),
    ...ofAll('reader, writer', both),
  ]
}

/** A source that takes long to be looked at is there all the same. */
const patienceMs = 15_000
const bounded = ({ signal, softAt }: Deadline): Deadline => ({
  signal: AbortSignal.any([signal, AbortSignal.timeout(2 * patienceMs)]),
  softAt,
})

interface Placed {
  readonly roles: Role[]
  readonly connection: Connection
}

/** A job without a place for its ledger has two ends all the same. */
async function connectionsOf(world: World, spec: JobSpec): Promise<{ placed: Placed[]; refused: Result[] }> {
  const all: { role: Role; connection: Connection }[] = [
    { role: 'reader', connection: lookedAt(connectionIn(spec.reader.options)) },
    { role: 'writer', connection: lookedAt(connectionIn(spec.writer.options)) },
  ]
  const refused: Result[] = []
  try {
    all.push({ role: 'ledger', connection: await ledgerOf(world, spec) })
  } catch (thrown) {
    refused.push(failedBy('place', asTransferError(thrown)))
  }
  const placed = new Map<string, Placed>()
  for (const { role, connection } of all) {
    const key = JSON.stringify(connection)
    const { roles } = placed.get(key) ?? { roles: [] }
    placed.set(key, { roles: [...roles, role], connection })
  }
  return { placed: [...placed.values()], refused }
}

/** Every connector takes it under this name (job/end-options.ts), and its schema has checked it. */
const connectionIn = (options: unknown): Connection => (options as { connection: Connection }).connection

interface Examined {
  readonly results: readonly Result[]
  /** undefined: not known, because the end cannot be opened. */
  readonly columns?: readonly Column[] | null
}

const unreached: Examined = { results: [skipped('table', 'needs a session')] }

async function examineReader(context: EndsContext): Promise<Examined> {
  try {
    await using source = await openSource(context)
    const columns = await source.columns()
    const what = columns === null ? 'its fields are known from the records alone' : `${columns.length} columns`
    return { results: [passed('table', what), ...(await checkReading(context, source))], columns }
  } catch (thrown) {
    return { results: [failedBy('table', asTransferError(thrown))] }
  }
}

/** Cuts the source as a plan would, and takes the first bytes: the right to read is proven by reading. */
async function checkReading(context: EndsContext, source: Source): Promise<Result[]> {
  const { concurrent } = context.run.spec.settings
  const { guessFromBytes } = context.world.settings
  try {
    const targetBytes = targetBytesOf(
      await context.world.findReader(context.run.spec.reader.kind),
      context.world.settings,
    )
    const { slices, decisions } = await source.split({
      concurrent,
      targetBytes,
      guessFromBytes,
      arrived: null,
      increment: null,
    })
    const text = decisions.map(({ what, why }) => `${what} (${why})`).join('; ')
    const unused = decisions.find(({ what }) => /^splitPk .* is not used$/.test(what))
    const split =
      unused === undefined
        ? passed('split', text)
        : warned('split', text, 'Name an integer column of even spread as splitPk, or leave it out.')
    const [first] = slices
    return [
      split,
      first === undefined
        ? passed('read', 'there is nothing to read')
        : await checkFirstBytes(context, source, first.slice),
    ]
  } catch (thrown) {
    const error = asTransferError(thrown)
    if (error.code !== 'platform/deadline') return [failedBy('split', error)]
    return [
      passed('split', `not cut within ${(2 * patienceMs) / 1000} s: a plan has more time`),
      skipped('read', 'needs a slice'),
    ]
  }
}

const checkFirstBytes = (context: EndsContext, source: Source, slice: Parameters<Source['read']>[0]): Promise<Result> =>
  checked('read', async () => {
    const { body } = await source.read(slice, source.offer(copyText), context.deadline.signal)
    for await (const piece of body) return `the first ${piece.length} bytes came`
    return 'the first slice is empty'
  })

async function examineWriter(context: EndsContext): Promise<Examined> {
  try {
    await using target = await openTarget(context)
    if (target.kind === 'object') return { results: [await checkUpload(target, target.store)], columns: null }
    const columns = await target.columns()
    const table = passed('table', `${columns.length} columns`)
    return { results: [table, ...(await checkWriting(context, target, columns))], columns }
  } catch (thrown) {
    return { results: [failedBy('table', asTransferError(thrown))] }
  }
}

/** What a plan refuses of two ends that are sound each by itself. */
const checkFit = (context: EndsContext): Promise<Result> =>
  checked('fit', async () => {
    const { world, run } = context
    await using source = await openSource(context)
    await using target = await openTarget(context)
    await refuseUnfit(context, source, target, (await incrementalOf(world, run.spec)) !== null)
    return 'the writer takes what the reader gives'
  })

/** By the function that decides it for a run. */
const checkWriteMode = (context: EndsContext, target: Target): Promise<Result> =>
  checked('write mode', async () => {
    const decisions = await writingDecisions(context, target)
    return decisions.map(({ what, why }) => `${what} (${why})`).join('; ') || 'records are appended by COPY'
  })

async function checkWriting(context: EndsContext, target: Target, columns: readonly Column[]): Promise<Result[]> {
  const { world, deadline } = context
  const writeMode = await checkWriteMode(context, target)
  if (target.kind !== 'copy') return [writeMode]
  if (!isFine([writeMode])) return [writeMode, skipped('privileges', 'needs a write mode that can be done')]
  const { connection } = target
  await using sql = await world.connectSql(connection, deadline.signal)
  const names = columns.map(({ name }) => name)
  const locks = await locksTable(sql, target, names)
  return [writeMode, await checkTargetRights(sql, target, { columns: names, user: connection.user, locks })]
}

async function locksTable(sql: SqlSession, target: CopyTarget, columns: readonly string[]): Promise<boolean> {
  const capabilities = await probeCapabilities(sql)
  if (isAtomic(target))
    return (await publicationPlanOf(sql, target, capabilities, { schema: null, table: 'rows_of_run' })).lock !== null
  return target.conflict !== null && (await mergePlanOf(sql, target, columns, capabilities)).lock !== null
}

/** An upload that is given up shows nothing to anybody; it is how an export is written, too. */
const checkUpload = (target: Extract<Target, { kind: 'object' }>, store: ObjectStore): Promise<Result> =>
  checked('write', async () => {
    const key = target.keyOf('doctor', 0)
    const { uploadId } = await store.prepareUpload(key, probe(), target.putOptions)
    await store.abortUpload(key, uploadId)
    return `oss://${store.bucket}/${key} could be uploaded`
  })

async function* probe(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a probe of adbpg-sync doctor')
}
