import type { Leaf } from '../../../codecs/parquet/schema-tree.ts'
import { TransferError } from '../../../errors/index.ts'

/** Pages and dictionaries that all columns of a group may hold in memory together. */
export const maxHeldBytes = 40 * 1024 * 1024
/** With those that were let go and not collected yet: V8 by itself lets 64 MB of buffers gather, more than a loader has left. */
const mostUncollectedBytes = 48 * 1024 * 1024
/** Less is not worth collecting. */
const leastCollectedBytes = 8 * 1024 * 1024

/** Told what a column holds from now on. @throws job/unsupported when all of them hold too much */
export type Hold = (bytes: number) => void

export interface HeldPages extends Disposable {
  /** What the group before held is let go. */
  nextGroup(): (leaf: Leaf) => Hold
}

/** @param collect gives memory back that is let go */
export function openHeldPages(collect: () => void): HeldPages {
  let total = 0
  let letGo = 0
  function replace(before: number, after: number, most: number): void {
    total += after - before
    letGo += before
    if (letGo < leastCollectedBytes || total + letGo <= most) return
    collect()
    letGo = 0
  }
  return {
    nextGroup() {
      replace(total, 0, mostUncollectedBytes)
      return (leaf) => {
        let own = 0
        return (bytes) => {
          if (total - own + bytes > maxHeldBytes) throw tooLargePages(leaf.name, bytes, total - own + bytes)
          replace(own, bytes, mostUncollectedBytes)
          own = bytes
        }
      }
    },
    // The instance may be given something else to do.
    [Symbol.dispose]: () => replace(total, 0, 0),
  }
}

export function tooLargePages(column: string, own: number, total: number): TransferError {
  const message = `pages of the wanted columns need ${total} bytes of memory together (${column} alone ${own}), ${maxHeldBytes} are allowed; write pages of 1 MB, or smaller row groups, or read fewer columns`
  return new TransferError('job/unsupported', message, { column, bytes: total })
}
