/** A schedule in the one form the matcher takes: six fields, seconds first. */
export interface CronText {
  readonly fields: CronFields
  /** Of a `CRON_TZ=` prefix; null when there is none. */
  readonly timeZone: string | null
}

export type CronFields = readonly [
  second: string,
  minute: string,
  hour: string,
  dayOfMonth: string,
  month: string,
  dayOfWeek: string,
]

const names = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const
const highest = [59, 59, 23, 31, 12, 6] as const

const nicknames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '@hourly': '0 0 * * * *',
    '@daily': '0 0 0 * * *',
    '@midnight': '0 0 0 * * *',
    '@weekly': '0 0 0 * * 0',
    '@monthly': '0 0 0 1 * *',
    '@yearly': '0 0 0 1 1 *',
    '@annually': '0 0 0 1 1 *',
  }),
)

/** Longer than any schedule; a matcher gets no text of a megabyte. */
const maxCharacters = 200

/**
 * Reads Function Compute's form (six fields, `CRON_TZ=` prefix), DataWorks' (`?` for any, `0/5` steps) and the five fields
 * of crontab. The answer is a text when the schedule is not one: what is wrong, and what to write.
 */
export function readCronText(expression: string): CronText | string {
  if (expression.length > maxCharacters) return `a schedule has at most ${maxCharacters} characters`
  const [, zone = null, text = ''] = /^\s*(?:(?:CRON_TZ|TZ)=(\S+)\s+)?(.*?)\s*$/s.exec(expression) ?? []
  if (/^@every\b/i.test(text)) return 'write times of the clock, such as "0 */5 * * * *" for every five minutes'
  const parts = (nicknames.get(text.toLowerCase()) ?? text).split(/\s+/)
  const six = parts.length === 5 ? ['0', ...parts] : parts
  if (six.length !== 6 || text === '')
    return `must have six fields (second minute hour day month weekday), or five without the second, not ${text === '' ? 0 : parts.length}`
  const isQuartz = six.includes('?')
  const fields = six.map((field, index) => withRange(field === '?' ? '*' : field, highest[index] ?? 0))
  const [second = '', minute = '', hour = '', dayOfMonth = '', month = '', dayOfWeek = ''] = fields
  const fault = faultOf([second, minute, hour, dayOfMonth, month, dayOfWeek], isQuartz)
  return fault ?? { fields: [second, minute, hour, dayOfMonth, month, dayOfWeek], timeZone: zone }
}

/** Quartz lets `0/5` mean from 0 on, every fifth. */
const withRange = (field: string, last: number): string => field.replaceAll(/(^|,)(\d+)\/(\d+)/g, `$1$2-${last}/$3`)

function faultOf(fields: CronFields, isQuartz: boolean): string | null {
  const [second, , , , , dayOfWeek] = fields
  const strange = fields.findIndex((field) => !/^[\dA-Za-z*,/#-]+$/.test(field))
  if (strange !== -1) return `the ${names[strange]} field holds a character that no schedule has`
  if (!/^\d{1,2}$/.test(second)) return 'the second field must be one number: a job starts once a minute at most'
  if (isQuartz && /\d/.test(dayOfWeek.replaceAll(/#\d/g, '')))
    return 'with ? in a field, write the weekday as a name (MON, TUE-FRI): DataWorks counts from 1 = SUN, Function Compute from 0 = SUN'
  return null
}
