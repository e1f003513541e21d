import { type CopyOutput, makeRoom, openOutput } from '../parquet/copy-output.ts'

/** Fields as they lie in COPY text, each once, by numbers from 0. A string per field as the key of a map cost 5 times as much. */
export interface FieldDictionary {
  /** @returns the number of the field; -1 when it is new, for `add` */
  find(bytes: Buffer, start: number, end: number): number
  /** The field that was just not found. @returns its number */
  add(bytes: Buffer, start: number, end: number): number
  size(): number
  clear(): void
}

/** Twice the values that a dictionary may have before it is given up, so that a search is short. */
const slotCount = 2 ** 18

export function openFieldDictionary(): FieldDictionary {
  const fields: CopyOutput = openOutput(4096)
  let ends = new Uint32Array(1024)
  let slots = new Int32Array(1024)
  let count = 0
  let slot = 0

  function hashOf(bytes: Buffer, start: number, end: number): number {
    let hash = 0x811c9dc5
    for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
    return (hash ^ (hash >>> 15)) & (slots.length - 1)
  }

  function isField(number: number, bytes: Buffer, start: number, end: number): boolean {
    const from = number === 0 ? 0 : (ends[number - 1] as number)
    if ((ends[number] as number) - from !== end - start) return false
    for (let at = start; at < end; at += 1) if (fields.bytes[from + at - start] !== bytes[at]) return false
    return true
  }

  function grow(): void {
    slots = new Int32Array(Math.min(slotCount, 2 * slots.length))
    for (let number = 0; number < count; number += 1) {
      slot = hashOf(fields.bytes, number === 0 ? 0 : (ends[number - 1] as number), ends[number] as number)
      while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1)
      slots[slot] = number + 1
    }
  }

  return {
    find(bytes, start, end) {
      slot = hashOf(bytes, start, end)
      for (let held = slots[slot] as number; held !== 0; held = slots[slot] as number) {
        if (isField(held - 1, bytes, start, end)) return held - 1
        slot = (slot + 1) & (slots.length - 1)
      }
      return -1
    },
    add(bytes, start, end) {
      makeRoom(fields, end - start)
      fields.at += bytes.copy(fields.bytes, fields.at, start, end)
      if (count === ends.length) {
        const more = new Uint32Array(2 * count)
        more.set(ends)
        ends = more
      }
      ends[count] = fields.at
      slots[slot] = count + 1
      count += 1
      if (2 * count > slots.length) grow()
      return count - 1
    },
    size: () => count,
    clear() {
      fields.at = 0
      count = 0
      slots.fill(0)
    },
  }
}
