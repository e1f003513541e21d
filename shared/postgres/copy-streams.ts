import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'pg'
import { TransferError } from '../errors/index.ts'
import { abortOf } from './aborted.ts'
import { copyOut } from './copy-out.ts'
import { hangUp } from './hang-up.ts'
import { asSqlError } from './sql-errors.ts'

/** At 64 kB a piece, pg-copy-streams reaches 0.7 of psql's client speed; from 256 kB on it is ahead (perf.md §2b). */
const pieceBytes = 256 * 1024
/** A copy of 128 kB costs more than sending them. */
const copiedBytes = pieceBytes / 2
/** Of the first buffer that gathers: a bad record is sent alone, and 256 kB for each of many were garbage at 250 MB a second. */
const firstGatheredBytes = 16 * 1024
/** A server that has been told that the COPY failed answers at once, unless it is waiting for a lock. */
const failWithinMs = 1_000

/**
 * Feeds a `copy … from stdin`. Always through `pipeline()`: written to by hand, pg-copy-streams 7.0.0 can end the process
 * when the server fails in the middle (perf.md §2a). An error of the source fails the COPY and is thrown as it is; an
 * error of the server stops the source. After an abort the session can be used, unless the server did not react: then it
 * is closed.
 * @param asked `before`: statements without an answer that go in the same message, taken when it is sent
 */
export async function copyFrom(
  client: Client,
  { before, statement }: { readonly before: () => string; readonly statement: string },
  body: AsyncIterable<Uint8Array>,
  signals: readonly AbortSignal[],
): Promise<{ rows: number }> {
  refuseUnless(/^\s*copy\s.*\bfrom\s+stdin\b/is, statement)
  refuseAborted(signals)
  const { from } = await import('pg-copy-streams')
  const copy = client.query(from(`${before()}${statement}`))
  const closed = once(copy, 'close').catch(() => undefined)
  const giveUp = hangUpUnlessHeard(client)
  const source = watched(body, giveUp.start)
  for (const signal of signals) signal.addEventListener('abort', giveUp.start, { once: true })
  try {
    // Of an iterable, `pipeline` asks for the next piece when the one before is with the kernel.
    await pipeline(forSending(source.body), copy, { signal: AbortSignal.any([...signals]) })
  } catch (error) {
    // One that waits for its own server is left when that answers.
    if (!source.isAsked) await Promise.race([source.left, sleep(failWithinMs, undefined, { ref: false })])
    const ours = abortOf(signals) ?? source.failure?.error
    if (ours === undefined) throw asSqlError(error)
    await Promise.race([closed, sleep(2 * failWithinMs, undefined, { ref: false })])
    throw ours
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', giveUp.start)
    giveUp.stop()
  }
  return { rows: copy.rowCount }
}

/** A COPY that waits for a lock cannot be told that it failed; the statement after it would wait as long as it does. */
function hangUpUnlessHeard(client: Client): { start(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  return {
    start() {
      timer ??= setTimeout(() => void hangUp(client), failWithinMs)
    },
    stop: () => clearTimeout(timer),
  }
}

interface WatchedSource {
  readonly body: AsyncIterable<Uint8Array>
  failure: { readonly error: unknown } | null
  /** For its next piece. */
  isAsked: boolean
  /** It is at its end, or was told that nothing more is wanted. */
  readonly left: Promise<unknown>
}

/**
 * Tells what the source itself throws from what is thrown into it when the other end fails: only the first comes out of
 * `next()`.
 */
function watched(body: AsyncIterable<Uint8Array>, onFailure: () => void): WatchedSource {
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  const state: WatchedSource = { body: pieces(), failure: null, isAsked: false, left }
  return state

  async function* pieces(): AsyncGenerator<Uint8Array> {
    const iterator = body[Symbol.asyncIterator]()
    try {
      for (let step = await next(iterator); !step.done; step = await next(iterator)) yield step.value
    } finally {
      if (state.failure === null) await iterator.return?.()
      leave()
    }
  }

  async function next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    state.isAsked = true
    try {
      return await iterator.next()
    } catch (error) {
      state.failure = { error }
      onFailure()
      throw error
    } finally {
      state.isAsked = false
    }
  }
}

/** Gathers small pieces in one buffer, as each is done with when the next is asked for; a large one is handed on as it is. */
async function* forSending(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let gathered: Buffer | null = null
  let isFirst = true
  let at = 0
  for await (const piece of body) {
    if (gathered !== null && at > 0 && (piece.length >= copiedBytes || at + piece.length > gathered.length)) {
      yield gathered.subarray(0, at)
      at = 0
      if (gathered.length < pieceBytes) gathered = null
    }
    if (piece.length >= copiedBytes) yield piece
    else {
      gathered ??= Buffer.allocUnsafeSlow(
        isFirst && piece.length <= firstGatheredBytes ? firstGatheredBytes : pieceBytes,
      )
      isFirst = false
      gathered.set(piece, at)
      at += piece.length
    }
  }
  if (gathered !== null && at > 0) yield gathered.subarray(0, at)
}

/**
 * Reads a `copy … to stdout`, as fast as the reader takes it. The protocol has no way to stop a COPY TO but to cancel and
 * hang up, so leaving early, like an abort, closes the session: what is asked of it later fails with `connect/lost`.
 * @param lent each piece is valid until the next is asked for
 */
export async function* copyTo(
  client: Client,
  statement: string,
  signals: readonly AbortSignal[],
  lent: boolean,
): AsyncIterable<Uint8Array> {
  refuseUnless(/^\s*copy\s.*\bto\s+stdout\b/is, statement)
  refuseAborted(signals)
  const pieces = client.query(copyOut(statement))
  const onAbort = () => void hangUp(client)
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
  let whole = false
  try {
    for await (const piece of pieces) yield lent ? piece : Buffer.from(piece)
    whole = true
  } catch (error) {
    whole = true
    throw abortOf(signals) ?? asSqlError(error)
  } finally {
    for (const signal of signals) signal.removeEventListener('abort', onAbort)
    if (!whole) await hangUp(client)
  }
}

/** Any other statement would never end the stream, or crash inside the driver. */
function refuseUnless(form: RegExp, statement: string): void {
  if (!form.test(statement)) throw new TransferError('internal/bug', 'the statement of a COPY is not one')
}

function refuseAborted(signals: readonly AbortSignal[]): void {
  const abort = abortOf(signals)
  if (abort !== null) throw abort
}
