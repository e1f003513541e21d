import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Client } from 'pg'
import { TransferError } from '../errors/index.ts'
import { asSqlError } from './sql-errors.ts'

/** At 64 kB a piece, pg-copy-streams reaches 0.7 of psql's client speed; from 256 kB on it is ahead (perf.md §2b). */
const pieceBytes = 256 * 1024

/**
 * Feeds a `copy … from stdin`. Always through `pipeline()`: written to by hand, pg-copy-streams 7.0.0 can end the process
 * when the server fails in the middle (perf.md §2a). An error of the source fails the COPY and is the error thrown; an
 * error of the server stops the source.
 */
export async function copyFrom(
  client: Client,
  statement: string,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ rows: number }> {
  const { from } = await import('pg-copy-streams')
  let sourceError: unknown = null
  const source = async function* () {
    try {
      yield* inPieces(body, pieceBytes)
    } catch (error) {
      sourceError = error
      throw error
    }
  }
  const copy = client.query(from(statement))
  try {
    await pipeline(Readable.from(source(), { objectMode: false, highWaterMark: pieceBytes }), copy, { signal })
  } catch (error) {
    throw sourceError ?? asSqlError(error)
  }
  return { rows: copy.rowCount }
}

/** Gathers small pieces; a large one is handed on as it is, without a copy. */
export async function* inPieces(body: AsyncIterable<Uint8Array>, minBytes: number): AsyncIterable<Uint8Array> {
  let held: Uint8Array[] = []
  let heldBytes = 0
  for await (const piece of body) {
    if (piece.length === 0) continue
    held.push(piece)
    heldBytes += piece.length
    if (heldBytes < minBytes) continue
    yield joined(held)
    held = []
    heldBytes = 0
  }
  if (heldBytes > 0) yield joined(held)
}

const joined = (pieces: readonly Uint8Array[]): Uint8Array => {
  const [only] = pieces
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
}

/**
 * Reads a `copy … to stdout`, as fast as the reader takes it. The protocol has no way to stop a COPY TO but to cancel or
 * to hang up, so leaving early closes the session.
 */
export async function* copyTo(client: Client, statement: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { to } = await import('pg-copy-streams')
  const stream = client.query(to(statement))
  const onAbort = () => stream.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  let whole = false
  try {
    yield* inPieces(stream, 64 * 1024)
    whole = true
  } catch (error) {
    whole = true
    if (signal.aborted) throw new TransferError('platform/deadline', 'the work was stopped before it was done')
    throw asSqlError(error)
  } finally {
    signal.removeEventListener('abort', onAbort)
    if (!whole) {
      stream.destroy()
      await client.end().catch(() => undefined)
    }
  }
}
