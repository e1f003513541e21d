import { crc64Module, memoryPages, pageBytes, tableBytes, tableCount } from './crc64-module.ts'

/** CRC-64/XZ, which OSS sends as `x-oss-hash-crc64ecma`: polynomial 0xC96C5795D7870F42, reflected. */
const polynomialHigh = 0xc96c5795
const polynomialLow = 0xd7870f42

export interface Crc64 {
  update(bytes: Uint8Array): void
  /** Unsigned decimal, the form of the header. */
  digest(): string
}

export function createCrc64(): Crc64 {
  engine ??= openEngine()
  const { update } = engine
  let register = -1n
  return {
    update(bytes) {
      register = update(register, bytes)
    },
    digest: () => BigInt.asUintN(64, ~register).toString(),
  }
}

interface Engine {
  update(register: bigint, bytes: Uint8Array): bigint
}

/** One for all digests: what is under way is the register alone. */
let engine: Engine | null = null

/** What of the engine is used here; the types of Node leave it out. */
interface WithWebAssembly {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object
    readonly Instance: new (module: object) => { readonly exports: Exports }
  }
}
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  update(register: bigint, at: number, stop: number): bigint
}

const bytesAt = tableCount * tableBytes
const room = memoryPages * pageBytes - bytesAt

function openEngine(): Engine {
  const { Instance, Module } = (globalThis as unknown as WithWebAssembly).WebAssembly
  const { memory, update } = new Instance(new Module(crc64Module())).exports
  fillTables(new Uint32Array(memory.buffer, 0, bytesAt / 4))
  const space = new Uint8Array(memory.buffer, bytesAt)
  return {
    update(register, bytes) {
      let now = register
      for (let at = 0; at < bytes.length; at += room) {
        const piece = bytes.subarray(at, at + room)
        space.set(piece)
        now = update(now, bytesAt, bytesAt + piece.length)
      }
      return now
    },
  }
}

/** Entries of two halves, the low one first. Table n is for a byte that n others of the step follow. */
function fillTables(entries: Uint32Array): void {
  for (let byte = 0; byte < 256; byte += 1) {
    let [high, low] = [0, byte]
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = low & 1
      low = (low >>> 1) | (high << 31)
      high >>>= 1
      if (odd) {
        high ^= polynomialHigh
        low ^= polynomialLow
      }
    }
    entries[2 * byte] = low
    entries[2 * byte + 1] = high
  }
  for (let at = 512; at < entries.length; at += 2) {
    const low = entries[at - 512] ?? 0
    const high = entries[at - 511] ?? 0
    const next = 2 * (low & 0xff)
    entries[at] = ((low >>> 8) | (high << 24)) ^ (entries[next] ?? 0)
    entries[at + 1] = (high >>> 8) ^ (entries[next + 1] ?? 0)
  }
}
