import type { GuessedStart } from './chunk-start.ts'
import type { Found } from './dirty.ts'
import type { DirtyLog } from './dirty-log.ts'

/** Beyond either, the chunk waits for the one before it: a dirty record may show a megabyte of itself (dirty.ts). */
const mostHeld = { records: 1000, bytes: 1024 * 1024 }

/**
 * Dirty records of a chunk that may begin elsewhere: nobody is told of them before it is known that they are ones, and then
 * under their numbers in the file.
 */
export function holdDirty(log: DirtyLog, start: GuessedStart, allowsNone: boolean): DirtyLog {
  const held: Found[] = []
  let heldBytes = 0
  async function letGo(): Promise<void> {
    const { firstRecord } = await start.confirm()
    heldBytes = 0
    for (const found of held.splice(0)) await log.add({ ...found, record: found.record + firstRecord - 1 })
  }
  return {
    count: () => held.length + log.count(),
    byPart: () => log.byPart(),
    async add(found) {
      held.push(found)
      heldBytes += found.raw.length
      if (allowsNone || held.length >= mostHeld.records || heldBytes >= mostHeld.bytes) await letGo()
    },
    async close() {
      await letGo()
      return await log.close()
    },
  }
}
