import { collectGarbage } from '../codecs/collect-garbage.ts'
import { type BlockBuffers, newBlockBuffers } from '../codecs/record-blocks.ts'

/** Of each of the two: what a block of the usual size needs. What held a long record goes back to the system. */
const mostKeptBytes = 10 * 1024 * 1024

/** Of the chunk before, in this process. */
let kept: BlockBuffers | null = null

/** Before a long record is made anew, which takes as much again: what others have let go makes room. */
export function makeRoomFor(blockBytes: number): void {
  if (blockBytes > mostKeptBytes) collectGarbage()
}

export interface Borrowed {
  readonly buffers: BlockBuffers
  /** Once nothing reads them any more. */
  giveBack(): void
}

/**
 * The buffers of a chunk that this instance has loaded. Memory that is new costs the kernel clearing it and V8 a collection,
 * together a third of a loader's CPU (docs/decisions.md, 2026-11-30).
 */
export function borrowBlockBuffers(): Borrowed {
  const buffers = kept ?? newBlockBuffers()
  kept = null
  return {
    buffers,
    giveBack() {
      if (buffers.writtenBytes <= mostKeptBytes) kept = buffers
      else collectGarbage()
    },
  }
}
