/*
 * The CRC-64 of two pieces in a row from the CRCs of each, so that completing an upload of many gigabytes reads none of them
 * again. Polynomials over GF(2), reflected: the highest bit is x^0, the next one x^1.
 */

const polynomial = 0xc96c5795d7870f42n
const one = 1n << 63n

/** x^(8 · bytes); parts of one upload mostly have one size. */
const shifts = new Map<number, bigint>()

export function combineCrc64(first: string, second: string, secondBytes: number): string {
  const shift = shifts.get(secondBytes) ?? shiftOf(secondBytes)
  if (shifts.size < 1000) shifts.set(secondBytes, shift)
  return (multiply(shift, BigInt(first)) ^ BigInt(second)).toString()
}

function shiftOf(bytes: number): bigint {
  let power = one >> 8n
  let product = one
  for (let rest = BigInt(bytes); rest > 0n; rest >>= 1n) {
    if (rest & 1n) product = multiply(product, power)
    power = multiply(power, power)
  }
  return product
}

function multiply(a: bigint, b: bigint): bigint {
  let product = 0n
  let shifted = b
  for (let bit = one; bit > 0n; bit >>= 1n) {
    if (a & bit) product ^= shifted
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n
  }
  return product
}
