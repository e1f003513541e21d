/** A schedule as the panel of DataWorks says it (dataworks-datax.md §5.3). Times are `hh:mm` on the clocks of the zone. */
export type Cycle =
  | { readonly every: 'minute'; readonly step: number; readonly fromHour: number; readonly toHour: number }
  | { readonly every: 'hour'; readonly step: number; readonly from: string; readonly to: string }
  | { readonly every: 'hours'; readonly hours: readonly number[]; readonly minute: number }
  | { readonly every: 'day'; readonly at: string }
  | { readonly every: 'week'; readonly days: readonly string[]; readonly at: string }
  | { readonly every: 'month'; readonly days: readonly MonthDay[]; readonly at: string }
  | {
      readonly every: 'year'
      readonly months: readonly number[]
      readonly days: readonly MonthDay[]
      readonly at: string
    }

/** A day that a month lacks is left out, as in DataWorks; `L` is its last. */
export type MonthDay = number | 'L'

/** The same as six fields, seconds first. */
export function cronOfCycle(cycle: Cycle): string {
  switch (cycle.every) {
    case 'minute':
      return `0 ${cycle.step === 1 ? '*' : `*/${cycle.step}`} ${cycle.fromHour}-${cycle.toHour} * * *`
    case 'hour':
      return `0 ${timeOf(cycle.from).minute} ${hoursOf(cycle).join(',')} * * *`
    case 'hours':
      return `0 ${cycle.minute} ${cycle.hours.join(',')} * * *`
    case 'day':
      return `${clock(cycle.at)} * * *`
    case 'week':
      return `${clock(cycle.at)} * * ${cycle.days.join(',')}`
    case 'month':
      return `${clock(cycle.at)} ${cycle.days.join(',')} * *`
    case 'year':
      return `${clock(cycle.at)} ${cycle.days.join(',')} ${cycle.months.join(',')} *`
  }
}

function timeOf(text: string): { hour: number; minute: number } {
  const [hour = 0, minute = 0] = text.split(':').map(Number)
  return { hour, minute }
}

function clock(at: string): string {
  const { hour, minute } = timeOf(at)
  return `0 ${minute} ${hour}`
}

/** Both ends belong to the window: from 00:00 to 03:00 every hour is four times. */
function hoursOf({ step, from, to }: { step: number; from: string; to: string }): number[] {
  const [first, last] = [timeOf(from), timeOf(to)]
  const hours: number[] = []
  for (let hour = first.hour; hour * 60 + first.minute <= last.hour * 60 + last.minute; hour += step) hours.push(hour)
  return hours
}
