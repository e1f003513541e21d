import type { DirtyRecord } from '../load/dirty-record.ts'
import type { ObjectStore } from '../ports/index.ts'
import { dirtyObjectKey } from '../staging/keys.ts'
import type { Found } from './dirty.ts'
import type { DirtyGuard } from './dirty-limit.ts'

/** Dirty records of one piece of work on their way into objects of JSON Lines; memory is one object. */
export interface DirtyLog {
  /** @throws record/limit-exceeded, or the record's own reason where none is allowed */
  add(found: Found): Promise<void>
  count(): number
  /** Of a piece of several slices: how many each has, by its number. */
  byPart(): ReadonlyMap<number, number>
  /** Writes what is left. @returns the prefix of the objects; null when there are none */
  close(): Promise<string | null>
}

/** Held as text, put together, and as bytes, by each loader of an instance. */
const objectBytes = 1024 * 1024

/**
 * Keys are made of the piece, so a repeat writes the same objects again; what an earlier attempt wrote beyond them is
 * removed, as it is no longer true.
 */
export function openDirtyLog(store: ObjectStore, prefix: string, guard: Pick<DirtyGuard, 'piece' | 'met'>): DirtyLog {
  let lines: string[] = []
  let heldBytes = 0
  let objects = 0
  let count = 0
  const byPart = new Map<number, number>()

  async function flush(): Promise<void> {
    if (lines.length === 0) return
    const key = dirtyObjectKey(prefix, objects)
    await store.put(key, Buffer.from(lines.join('')), { contentType: 'application/x-ndjson' })
    objects += 1
    lines = []
    heldBytes = 0
  }

  return {
    count: () => count,
    byPart: () => byPart,
    async add({ part, ...found }) {
      const record: DirtyRecord = { piece: namedPiece(guard.piece, part), ...found }
      const line = `${JSON.stringify(record)}\n`
      count += 1
      if (part !== undefined) byPart.set(part, (byPart.get(part) ?? 0) + 1)
      lines.push(line)
      heldBytes += line.length
      if (heldBytes >= objectBytes) await flush()
      await guard.met(count, record)
    },
    async close() {
      await flush()
      await removeDirty(store, prefix, objects)
      return count === 0 ? null : prefix
    },
  }
}

/** Records are counted in each slice, so the number of the slice is a part of a record's name. */
const namedPiece = (piece: string, part: number | undefined) => (part === undefined ? piece : `${piece}-f${part}`)

/** The piece of work that met a record. */
export const pieceOfRecord = ({ piece }: Pick<DirtyRecord, 'piece'>): string => piece.replace(/-f\d+$/, '')

/** Objects of the piece from number `from` on: those of an earlier attempt that went otherwise. */
export async function removeDirty(store: ObjectStore, prefix: string, from = 0): Promise<void> {
  const stale: string[] = []
  const first = dirtyObjectKey(prefix, from)
  for await (const { key } of store.list(prefix)) if (key >= first) stale.push(key)
  if (stale.length > 0) await store.remove(stale)
}
