import { type BlockBuffers, newBlockBuffers } from '../codecs/record-blocks.ts'

/** More is given back to the system: a record of many megabytes is rare. */
const mostKeptBytes = 40 * 1024 * 1024

/** Of the chunk before, in this process; null while a chunk has them, or there was none. */
let kept: BlockBuffers | null = null

export interface Borrowed {
  readonly buffers: BlockBuffers
  /** Once nothing reads them any more. */
  giveBack(): void
}

/**
 * The buffers of the last chunk that this instance has loaded. Memory that is new costs the kernel clearing it and V8 a
 * collection, together a third of a loader's CPU (docs/decisions.md, 2026-11-30).
 */
export function borrowBlockBuffers(): Borrowed {
  const buffers = kept ?? newBlockBuffers()
  kept = null
  return {
    buffers,
    giveBack() {
      if (buffers.filling.length + buffers.other.length <= mostKeptBytes) kept = buffers
    },
  }
}
