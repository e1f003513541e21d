import type { GuessedStart } from './chunk-start.ts'
import type { Found } from './dirty.ts'
import type { DirtyLog } from './dirty-log.ts'

/** Of 4 kB each at most in the usual case; beyond, the chunk waits for the one before it. */
const mostHeld = 1000

/**
 * Dirty records of a chunk that may begin elsewhere: nobody is told of them before it is known that they are ones, and then
 * under their numbers in the file.
 */
export function holdDirty(log: DirtyLog, start: GuessedStart, allowsNone: boolean): DirtyLog {
  const held: Found[] = []
  async function letGo(): Promise<void> {
    const { firstRecord } = await start.confirm()
    for (const found of held.splice(0)) await log.add({ ...found, record: found.record + firstRecord - 1 })
  }
  return {
    count: () => held.length + log.count(),
    byPart: () => log.byPart(),
    async add(found) {
      held.push(found)
      if (allowsNone || held.length >= mostHeld) await letGo()
    },
    async close() {
      await letGo()
      return await log.close()
    },
  }
}
