import { openProgram } from './simd/open-program.ts'

export interface Crc64 {
  update(bytes: Uint8Array): void
  /** Unsigned decimal, the form of the header `x-oss-hash-crc64ecma`. */
  digest(): string
}

/** CRC-64/XZ of bytes that come in pieces. */
export function createCrc64(): Crc64 {
  let register = -1n
  return {
    update(bytes) {
      const { calls, bytes: memory } = openProgram()
      const windowBytes = calls.inputBytes.value
      for (let at = 0; at < bytes.length; at += windowBytes) {
        const window = bytes.subarray(at, at + windowBytes)
        memory.set(window, calls.input.value)
        register = calls.updateCrc64(register, window.length)
      }
    },
    digest: () => BigInt.asUintN(64, ~register).toString(),
  }
}
