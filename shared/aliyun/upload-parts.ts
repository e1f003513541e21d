import { createCrc64 } from '../codecs/crc64.ts'

export interface Part {
  readonly bytes: Buffer
  readonly crc64: string
  /** In which `bytes` lies. */
  readonly memory: Buffer
}

/** As many as one upload uses; beyond, memory goes back to the system. */
const mostKept = 3

/** Of uploads before, in this process: memory that is new has to be cleared by the kernel and collected by V8. */
const kept: Buffer[] = []

export interface PartMemory {
  take(): Buffer
  /** Once the part has arrived: of one whose request was let go, bytes may still be read. */
  giveBack(memory: Buffer): void
}

export function borrowParts(partBytes: number): PartMemory {
  return {
    take() {
      const at = kept.findIndex((memory) => memory.length === partBytes)
      return (at === -1 ? undefined : kept.splice(at, 1)[0]) ?? Buffer.allocUnsafeSlow(partBytes)
    },
    giveBack(memory) {
      if (kept.length === mostKept) kept.shift()
      kept.push(memory)
    },
  }
}

/** Each byte is copied once, and summed while it is in the cache. A piece may lie in memory that is used again. */
export async function* inParts(pieces: AsyncIterator<Uint8Array>, take: () => Buffer): AsyncIterable<Part> {
  let memory: Buffer | null = null
  let bytes = 0
  let crc = createCrc64()
  for await (const piece of { [Symbol.asyncIterator]: () => pieces }) {
    for (let at = 0; at < piece.length; ) {
      memory ??= take()
      const taken = piece.subarray(at, at + memory.length - bytes)
      memory.set(taken, bytes)
      crc.update(taken)
      bytes += taken.length
      at += taken.length
      if (bytes < memory.length) continue
      yield { bytes: memory, crc64: crc.digest(), memory }
      memory = null
      bytes = 0
      crc = createCrc64()
    }
  }
  if (memory !== null) yield { bytes: memory.subarray(0, bytes), crc64: crc.digest(), memory }
}
