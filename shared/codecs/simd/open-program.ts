import { program } from './program.ts'

interface Exported {
  readonly value: number
}

/** What assembly/index.ts exports. */
interface Program {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly input: Exported
  readonly inputBytes: Exported
  readonly ends: Exported
  readonly parts: Exported
  readonly mostParts: Exported
  readonly constants: Exported
  readonly constantBytes: Exported
  readonly output: Exported
  readonly md5State: Exported
  readonly inQuotes: Exported
  readonly backslashes: Exported
  readonly taken: Exported
  readonly records: Exported
  readonly isRefused: Exported
  findRecordEnds(length: number, quote: number, newline: number, wasInQuotes: number): number
  updateCrc64(register: bigint, length: number): bigint
  updateDigests(register: bigint, length: number): bigint
  findLineEnds(length: number, newline: number): number
  project(
    length: number,
    quote: number,
    delimiter: number,
    newline: number,
    partCount: number,
    needed: number,
    width: number,
    factor: number,
    more: number,
    endsInQuotes: boolean,
  ): number
}

export interface OpenProgram {
  readonly calls: Program
  readonly bytes: Uint8Array
  readonly numbers: Int32Array
}

let opened: OpenProgram | null = null

/**
 * The program, compiled when it is first asked for (under a millisecond). All of a process share it: it keeps nothing from
 * call to call, so whoever calls it has read the answer before the next can.
 */
export function openProgram(): OpenProgram {
  opened ??= open()
  return opened
}

function open(): OpenProgram {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(program, 'base64')))
  const calls = exports as unknown as Program
  return { calls, bytes: new Uint8Array(calls.memory.buffer), numbers: new Int32Array(calls.memory.buffer) }
}
