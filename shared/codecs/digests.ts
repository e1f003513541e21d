import { openProgram } from './simd/open-program.ts'

export interface Digests {
  update(bytes: Uint8Array): void
  /** Once, at the end. `crc64`: unsigned decimal, the form of the header `x-oss-hash-crc64ecma`. */
  digest(): { readonly md5: Buffer; readonly crc64: string }
}

const blockBytes = 64
/** RFC 1321, section 3.3. */
const firstState = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476].map((word) => word | 0)

/**
 * MD5 and CRC-64/XZ of bytes that come in pieces, for who needs both: made together they cost little more than OpenSSL's MD5
 * alone (docs/decisions.md, 2026-11-30).
 */
export function createDigests(): Digests {
  const state = Int32Array.from(firstState)
  let register = -1n
  let bytes = 0
  /** Of a block that is not whole yet. */
  let held = new Uint8Array()

  /** Whole blocks, which lie at the input of the program. */
  function take(length: number): void {
    const { calls, numbers } = openProgram()
    const stateAt = calls.md5State.value >> 2
    numbers.set(state, stateAt)
    register = calls.updateDigests(register, length)
    state.set(numbers.subarray(stateAt, stateAt + state.length))
  }

  return {
    update(piece) {
      const { calls, bytes: memory } = openProgram()
      const input = calls.input.value
      for (let at = 0; at < piece.length; ) {
        const taken = piece.subarray(at, at + calls.inputBytes.value - held.length)
        memory.set(held, input)
        memory.set(taken, input + held.length)
        const filled = held.length + taken.length
        const whole = filled - (filled % blockBytes)
        take(whole)
        held = memory.slice(input + whole, input + filled)
        at += taken.length
      }
      bytes += piece.length
    },
    digest() {
      const { calls, bytes: memory } = openProgram()
      memory.set(held, calls.input.value)
      const crc64 = BigInt.asUintN(64, ~calls.updateCrc64(register, held.length)).toString()
      const last = lastBlocks(held, bytes)
      memory.set(last, calls.input.value)
      take(last.length)
      return { md5: littleEndian(state), crc64 }
    },
  }
}

/** A bit that is set, as many that are not as it takes, and how many bits there were. */
function lastBlocks(held: Uint8Array, bytes: number): Buffer {
  const lengthBytes = 8
  const blocks = held.length + 1 + lengthBytes > blockBytes ? 2 : 1
  const last = Buffer.alloc(blocks * blockBytes)
  last.set(held)
  last[held.length] = 0x80
  last.writeBigUInt64LE(8n * BigInt(bytes), last.length - lengthBytes)
  return last
}

function littleEndian(words: Int32Array): Buffer {
  const digest = Buffer.alloc(words.byteLength)
  for (const [index, word] of words.entries()) digest.writeInt32LE(word, index * 4)
  return digest
}
