import { randomBytes } from 'node:crypto'
import type { CopyEncoding } from '../codecs/encoding.ts'
import type { RecordRewriter } from '../codecs/record-rewriter.ts'
import { batchesOf } from '../codecs/records.ts'
import type { Body } from '../connectors/contract.ts'
import { TransferError } from '../errors/index.ts'
import { dirtyPrefixOfSlice } from '../staging/keys.ts'
import type { ChangeFields } from '../transform/compile.ts'
import { transformRecords } from '../transform/rewrite.ts'
import { describeDirty } from './dirty.ts'
import { type DirtyGuard, openDirtyGuard } from './dirty-limit.ts'
import { type DirtyLog, openDirtyLog, removeDirty } from './dirty-log.ts'
import type { StageEvent } from './events.ts'
import { asSent } from './isolate-block.ts'
import type { RunContext } from './run-context.ts'

/** The records of a slice on their way into an object, where no chunk comes between. */
export interface TransformedSlice extends AsyncDisposable {
  /** As the object is to hold them. */
  readonly body: Body
  leftOut(): number
  /** What no step could take, kept: the prefix is null when there is none. */
  close(): Promise<{ readonly records: number; readonly dirtyObject: string | null }>
  /** Another attempt has sealed the slice, or this one fails: what was kept is true only if it ends the run. */
  forget(error: unknown): Promise<void>
}

/** @throws from the body: record/limit-exceeded, or the reason of the record where no dirty record is allowed */
export function transformSlice(
  context: RunContext,
  event: StageEvent,
  body: Body,
  { change, to }: { readonly change: ChangeFields; readonly to: CopyEncoding },
): TransformedSlice {
  const { store } = context.world
  const guard: DirtyGuard = openDirtyGuard(context, event, 1)
  const attempt = randomBytes(6).toString('hex')
  const prefix = dirtyPrefixOfSlice({ runId: context.run.runId, slice: event.slice, attempt })
  const dirty = openDirtyLog(store, prefix, guard)
  const rewriter = transformRecords({ from: { ...body, encoding: forCopy(body) }, to, projection: null, change })
  return {
    body: { ...body, encoding: to, body: sentOf(body, rewriter, dirty) },
    leftOut: rewriter.leftOut,
    close: async () => ({ dirtyObject: await dirty.close(), records: dirty.count() }),
    async forget(error) {
      const endsTheRun = error instanceof TransferError && error.code.startsWith('record/')
      if (endsTheRun) await dirty.close()
      else await removeDirty(store, prefix).catch(() => undefined)
    },
    [Symbol.asyncDispose]: () => guard[Symbol.asyncDispose](),
  }
}

/** @throws internal/bug: a slice that goes into an object comes from a database */
function forCopy({ encoding }: Body): CopyEncoding {
  if (encoding.format !== 'jsonl') return encoding
  throw new TransferError('internal/bug', 'fields of JSON Lines are found by their keys, where a chunk is loaded')
}

const atOnce = { maxRecords: 20_000, maxBytes: 1024 * 1024 }

async function* sentOf(body: Body, rewriter: RecordRewriter, dirty: DirtyLog): AsyncIterable<Uint8Array> {
  for await (const batch of batchesOf(body.body, { ...body, ...atOnce })) {
    const written: Uint8Array[] = []
    for (const record of batch) {
      const sent = asSent(record, body, rewriter)
      if (sent === null) continue
      if (sent.refusal === null) written.push(sent.bytes)
      else await dirty.add(describeDirty(record, sent.refusal, body.origin))
    }
    if (written.length > 0) yield Buffer.concat(written)
  }
}
