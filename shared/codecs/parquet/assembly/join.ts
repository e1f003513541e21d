/*
 * AssemblyScript, which generate-programs.ts compiles: 16 bytes are moved at once, wherever they lie, and nothing is checked
 * but what has to be. The same loop in JavaScript takes five times as long (docs/decisions.md, 2026-11-30).
 */

/** Bytes that one move writes, however few of them are wanted. The caller leaves as many free behind all that is read. */
const step: usize = 16
const tab: u8 = 0x09
const lineFeed: u8 = 0x0a
/** A backslash and an N. */
const nullText: u16 = 0x4e5c

/** Where the last record that `join` has written ends. */
export let end: usize = 0

/**
 * Writes records as COPY text, field by field.
 * @param columns addresses of each column's texts, of where each of them starts in there, and of the places of these
 * records among them, below 0 for NULL; three numbers a column
 * @param limit behind the last byte that may be written to
 * @returns records that found room
 */
export function join(columns: usize, columnCount: i32, records: i32, out: usize, limit: usize): i32 {
  const last = columns + 12 * <usize>(columnCount - 1)
  let at = out
  end = out
  for (let record = 0; record < records; record += 1) {
    if (at + step > limit) return record
    for (let column = columns; column <= last; column += 12) {
      const place = load<i32>(load<u32>(column, 8) + 4 * <usize>record)
      if (place < 0) {
        if (at + step > limit) return record
        store<u16>(at, nullText)
        at += 2
      } else {
        const starts = load<u32>(column, 4) + 4 * <usize>place
        let read = load<u32>(column) + load<u32>(starts)
        const behind = at + load<u32>(starts, 4) - load<u32>(starts)
        if (behind + step > limit) return record
        v128.store(at, v128.load(read))
        for (at += step; at < behind; at += step) {
          read += step
          v128.store(at, v128.load(read))
        }
        at = behind
      }
      store<u8>(at, tab)
      at += 1
    }
    if (columnCount > 0) at -= 1
    store<u8>(at, lineFeed)
    at += 1
    end = at
  }
  return records
}
