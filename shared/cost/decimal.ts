/** A decimal number without rounding: `units` of the `places`-th place behind the point. */
export interface Decimal {
  readonly units: bigint
  readonly places: number
}

/** @param text digits, and a point with digits if need be */
export function decimalOf(text: string | number | bigint): Decimal {
  const [whole = '0', fraction = ''] = String(text).split('.')
  return { units: BigInt(`${whole}${fraction}`), places: fraction.length }
}

const unitsAt = ({ units, places }: Decimal, wanted: number): bigint => units * 10n ** BigInt(wanted - places)

export function sum(...terms: readonly Decimal[]): Decimal {
  const places = Math.max(0, ...terms.map((term) => term.places))
  return { units: terms.reduce((total, term) => total + unitsAt(term, places), 0n), places }
}

export function product(...factors: readonly Decimal[]): Decimal {
  return factors.reduce((a, b) => ({ units: a.units * b.units, places: a.places + b.places }), decimalOf(1))
}

/** A thousandth, a 1024th: what has no end as a decimal does not occur. */
export const thousandth = decimalOf('0.001')
export const of1024 = decimalOf('0.0009765625')
export const tenThousandth = decimalOf('0.0001')

/** Not below zero. Half a unit of the last place is rounded up. */
export function textOf(number: Decimal, places: number): string {
  const cut = number.places - places
  const divisor = 10n ** BigInt(Math.max(0, cut))
  const units = cut > 0 ? (number.units + divisor / 2n) / divisor : unitsAt(number, places)
  const digits = units.toString().padStart(places + 1, '0')
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
}
