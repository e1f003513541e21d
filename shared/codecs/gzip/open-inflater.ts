import * as zlib from 'node:zlib'
import { program } from './program.ts'

interface Exported {
  readonly value: number
}

/** What assembly/index.ts exports. */
interface Program {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly input: Exported
  readonly inputBytes: Exported
  readonly output: Exported
  readonly at: Exported
  readonly to: Exported
  begin(): void
  slide(): void
  inflate(from: number, end: number): number
  crc32(before: number, from: number, to: number): number
}

export interface Inflater extends Disposable {
  readonly calls: Program
  readonly bytes: Buffer
  /** CRC-32 of bytes of its memory. */
  crc32(before: number, from: number, to: number): number
}

let compiled: WebAssembly.Module | null = null
const idle: Program[] = []
/** Half a megabyte each; a few files are looked at side by side, of which one is read on. */
const mostIdle = 4

/** For one stream until it is disposed of: the program holds the window and the place within a block. */
export function takeInflater(): Inflater {
  const calls = idle.pop() ?? instantiate()
  const bytes = Buffer.from(calls.memory.buffer)
  return {
    calls,
    bytes,
    crc32: crc32Of(calls, bytes),
    [Symbol.dispose]() {
      if (idle.length < mostIdle) idle.push(calls)
    },
  }
}

function instantiate(): Program {
  compiled ??= new WebAssembly.Module(Buffer.from(program, 'base64'))
  return new WebAssembly.Instance(compiled).exports as unknown as Program
}

/** Node's own, which is there since 20.15, takes half the time, as processors have an instruction for it. */
function crc32Of(calls: Program, bytes: Buffer): Inflater['crc32'] {
  const own = (zlib as { readonly crc32?: typeof zlib.crc32 }).crc32
  if (own === undefined) return (before, from, to) => calls.crc32(before, from, to) >>> 0
  return (before, from, to) => own(bytes.subarray(from, to), before)
}
