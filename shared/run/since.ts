import { TransferError } from '../errors/index.ts'

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }

/** `24h`, `7d` before now, or a day or an instant as ISO 8601 writes them; a day begins in UTC. @throws usage/invalid */
export function sinceOf(text: string, now: Date): Date {
  const [, count, unit = ''] = /^(\d{1,6})([mhdw])$/.exec(text) ?? []
  if (count !== undefined) return new Date(now.getTime() - Number(count) * (unitMs[unit] ?? 0))
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? new Date(text) : null
  if (at !== null && !Number.isNaN(at.getTime()) && isDay(text.slice(0, 10))) return at
  throw new TransferError(
    'usage/invalid',
    `since must be such as 24h, 7d, 2026-11-24 or 2026-11-24T05:00:00Z, got ${text.slice(0, 40)}`,
  )
}

/** Date takes 30 February for 2 March. */
const isDay = (text: string) => new Date(text).toISOString().startsWith(text)
