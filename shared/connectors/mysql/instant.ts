const minuteMs = 60_000

/**
 * The wall-clock time `2024-01-01 00:30` with offset `+00` in another zone, both of them fixed offsets: seconds do not change.
 * null where that is not between the years 1 and 9999.
 */
export function shiftedTo(timeZone: string, wall: string, offset: string): string | null {
  const shift = minutesOf(timeZone) - minutesOf(offset)
  if (shift === 0) return wall
  const moved = new Date(Date.parse(`${wall.replace(' ', 'T')}:00Z`) + shift * minuteMs).toISOString()
  return /^(?!0000)\d{4}-/.test(moved) ? moved.slice(0, 16).replace('T', ' ') : null
}

/** `+08`, `-03:30`. */
function minutesOf(offset: string): number {
  const minutes = 60 * Number(offset.slice(1, 3)) + Number(offset.slice(4, 6))
  return offset.startsWith('-') ? -minutes : minutes
}
