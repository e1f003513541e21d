import type { Inflater } from './open-inflater.ts'

/** Packed bytes in the memory of a program, put there as they are needed. */
export interface PackedInput extends AsyncDisposable {
  /** Addresses: the first byte that is not done with, and behind the last that is there. */
  at: number
  readonly end: () => number
  /** @returns false: no more come. What is not done with has moved. */
  more(): Promise<boolean>
  /** The next byte, done with. @returns -1 behind the last */
  byte(): Promise<number>
  /** As the next byte is, without being done with it. */
  peek(): Promise<number>
}

/** @param source its pieces may be lent */
export function packedInput(source: AsyncIterable<Uint8Array>, { calls, bytes }: Inflater): PackedInput {
  const start = calls.input.value
  const room = calls.inputBytes.value
  const pieces = source[Symbol.asyncIterator]()
  let piece: Uint8Array = new Uint8Array(0)
  let end = start
  const input: PackedInput = {
    at: start,
    end: () => end,
    async more() {
      while (piece.length === 0) {
        const { done, value } = await pieces.next()
        if (done === true) return false
        piece = value
      }
      bytes.copyWithin(start, input.at, end)
      end -= input.at - start
      input.at = start
      const part = piece.subarray(0, start + room - end)
      bytes.set(part, end)
      end += part.length
      piece = piece.subarray(part.length)
      return true
    },
    async byte() {
      const next = await input.peek()
      if (next !== -1) input.at += 1
      return next
    },
    async peek() {
      if (input.at === end && !(await input.more())) return -1
      return bytes[input.at] ?? -1
    },
    async [Symbol.asyncDispose]() {
      await pieces.return?.()
    },
  }
  return input
}
