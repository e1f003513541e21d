import { findNode, type KeyLevel, type KeyNode } from './key-tree.ts'
import {
  closeBrace,
  colon,
  comma,
  endsPlain,
  lineFeed,
  openBrace,
  openBracket,
  quote,
  scanBlanks,
  scanLiteral,
  scanNumber,
  scanString,
  scanValue,
} from './scan-value.ts'

/** What a wanted value is: missing or null, a number or true or false, a text without and with escapes, an object or array. */
export const valueKinds = { none: 0, plain: 1, text: 2, escaped: 3, nested: 4 } as const

/** Where the wanted values of one record lie, by slot. Of texts, without their quotes. Valid until the next record. */
export interface FoundValues {
  readonly starts: Int32Array
  readonly ends: Int32Array
  readonly kinds: Uint8Array
  /** Offset of the byte at which the record stopped to be a JSON object. */
  faultAt: number
}

/** Instead of the end of a record. */
export const isBlank = -1
export const isFaulty = -2

/** @returns the offset of the line feed that ends the record which begins at `start`, or one of the two above */
export type FindValues = (bytes: Buffer, start: number) => number

/**
 * Checks a whole record as JSON.parse would, and finds the wanted values in it. Of a key that comes twice the last one counts,
 * as there.
 */
export function valueFinder(root: KeyLevel, slots: number): { readonly found: FoundValues; readonly find: FindValues } {
  const starts = new Int32Array(slots)
  const ends = new Int32Array(slots)
  const kinds = new Uint8Array(slots)
  const found: FoundValues = { starts, ends, kinds, faultAt: 0 }

  function take(slot: number, kind: number, start: number, end: number): void {
    starts[slot] = start
    ends[slot] = end
    kinds[slot] = kind
  }

  /** A value that is no string. */
  function otherValue(bytes: Buffer, at: number, node: KeyNode, depth: number): number {
    const byte = bytes[at] as number
    if (byte === openBrace || byte === openBracket) {
      const { child } = node
      if (child !== null) for (const slot of child.slots) kinds[slot] = valueKinds.none
      const end =
        byte === openBrace && child !== null ? objectAt(bytes, at + 1, child, depth + 1) : scanValue(bytes, at, depth)
      if (node.slot !== -1) take(node.slot, valueKinds.nested, at, end)
      return end
    }
    if (node.child !== null) for (const slot of node.child.slots) kinds[slot] = valueKinds.none
    const isNumber = byte === 0x2d || (byte >= 0x30 && byte <= 0x39)
    const end = isNumber ? scanNumber(bytes, at) : scanLiteral(bytes, at)
    if (node.slot !== -1) take(node.slot, byte === 0x6e ? valueKinds.none : valueKinds.plain, at, end)
    return end
  }

  /** @param start behind the brace that opens it */
  function objectAt(bytes: Buffer, start: number, level: KeyLevel, depth: number): number {
    let at = scanBlanks(bytes, start)
    if (bytes[at] === closeBrace) return at + 1
    let before = level.start
    for (;;) {
      let node = before.next
      let end = node === null ? -1 : behindKey(bytes, at, node.bytes)
      if (end === -1 && node?.next != null) {
        // A key may be left out of a record; the one behind it comes in its place.
        node = node.next
        end = behindKey(bytes, at, node.bytes)
      }
      if (end === -1 || node === null) {
        if (bytes[at] !== quote) return ~at
        let plainEnd = at + 1
        while (endsPlain[bytes[plainEnd] as number] === 0) plainEnd += 1
        end = scanString(bytes, plainEnd)
        if (end < 0) return end
        node = findNode(level, bytes, at, end, end !== plainEnd + 1)
        before.next = node
      }
      before = node
      at = bytes[end] === colon ? end : scanBlanks(bytes, end)
      if (bytes[at] !== colon) return ~at
      at += 1
      if ((bytes[at] as number) <= 0x20) at = scanBlanks(bytes, at)
      if (bytes[at] === quote) {
        const first = at + 1
        at = first
        while (endsPlain[bytes[at] as number] === 0) at += 1
        let kind: number = valueKinds.text
        if (bytes[at] === quote) at += 1
        else {
          kind = valueKinds.escaped
          at = scanString(bytes, at)
          if (at < 0) return at
        }
        if (node.child !== null) for (const slot of node.child.slots) kinds[slot] = valueKinds.none
        if (node.slot !== -1) take(node.slot, kind, first, at - 1)
      } else {
        at = otherValue(bytes, at, node, depth)
        if (at < 0) return at
      }
      if ((bytes[at] as number) <= 0x20) at = scanBlanks(bytes, at)
      if (bytes[at] === comma) {
        at += 1
        if ((bytes[at] as number) <= 0x20) at = scanBlanks(bytes, at)
      } else if (bytes[at] === closeBrace) return at + 1
      else return ~at
    }
  }

  function find(bytes: Buffer, start: number): number {
    kinds.fill(valueKinds.none)
    let at = scanBlanks(bytes, start)
    if (bytes[at] === lineFeed) return isBlank
    at = bytes[at] === openBrace ? objectAt(bytes, at + 1, root, 1) : ~at
    if (at >= 0) {
      at = scanBlanks(bytes, at)
      if (bytes[at] === lineFeed) return at
      at = ~at
    }
    found.faultAt = ~at
    return isFaulty
  }

  return { found, find }
}

/** @returns behind the key, when it is this one; else -1 */
function behindKey(bytes: Buffer, at: number, key: Buffer): number {
  const { length } = key
  for (let index = 0; index < length; index += 1) if (bytes[at + index] !== key[index]) return -1
  return at + length
}
