/** Of these years the offsets must agree: rules from before 1992, such as China's summer time, are history. */
const years = [...Array(46).keys()].map((index) => 1992 + index)

/**
 * `+08:00` for an offset (`+8`, `GMT+8`, `UTC+08:00`) or a zone that keeps one (`Asia/Shanghai`, `UTC`); null for any other,
 * and for what is no zone.
 */
export function fixedOffset(zone: string): string | null {
  // A plus in a URL stands for a blank.
  const [, sign = '', hours = '', minutes = '00'] = /^(?:gmt|utc)?([ +-])(\d{1,2})(?::?([0-5]\d))?$/i.exec(zone) ?? []
  // MySQL takes up to 14:00 for an offset, MariaDB up to 13:00.
  if (sign !== '') return Number(hours) > 13 ? null : `${sign === '-' ? '-' : '+'}${hours.padStart(2, '0')}:${minutes}`
  if (/^(z|gmt)$/i.test(zone)) return '+00:00'
  try {
    const format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' })
    const offsets = new Set(years.flatMap((year) => [0, 3, 6, 9].map((month) => offsetAt(format, year, month))))
    const [only] = offsets
    return offsets.size === 1 && only !== undefined ? only : null
  } catch {
    return null
  }
}

function offsetAt(format: Intl.DateTimeFormat, year: number, month: number): string {
  const parts = format.formatToParts(new Date(Date.UTC(year, month, 1)))
  const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? ''
  return name === 'GMT' ? '+00:00' : name.replace('GMT', '')
}
