import { type BlockBuffers, newBlockBuffers } from '../codecs/record-blocks.ts'

/** Beyond, memory is given back to the system: a record of many megabytes is rare, and so are three chunks at a time. */
const mostKeptBytes = 56 * 1024 * 1024

/** Of chunks before, in this process. */
const kept: BlockBuffers[] = []

const bytesOf = ({ filling, other }: BlockBuffers) => filling.length + other.length

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
  const buffers = kept.pop() ?? newBlockBuffers()
  return {
    buffers,
    giveBack() {
      const keptBytes = kept.reduce((sum, one) => sum + bytesOf(one), bytesOf(buffers))
      if (keptBytes <= mostKeptBytes) kept.push(buffers)
    },
  }
}
