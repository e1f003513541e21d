import { type Decimal, decimalOf, of1024, product, sum, tenThousandth, textOf, thousandth } from './decimal.ts'
import type { Prices } from './prices.ts'

/** What functions took, added up over invocations. Decimals are texts. */
export interface FunctionUse {
  readonly invocations: number
  /** Milliseconds times vCPUs. */
  readonly vcpuMs: string
  /** Milliseconds times megabytes (of 1024 × 1024 bytes). */
  readonly memoryMbMs: string
  /** Requests to OSS that were answered well, in its two classes: GET and HEAD; everything else, lists included. */
  readonly reads: number
  readonly writes: number
}

export const noUse: FunctionUse = { invocations: 0, vcpuMs: '0', memoryMbMs: '0', reads: 0, writes: 0 }

export interface Cost {
  readonly currency: string
  readonly total: string
  readonly functions: string
  /** null: the prices have none for requests, and `total` is without them. */
  readonly requests: string | null
  /** Units of Function Compute's bill. */
  readonly cu: string
  readonly invocations: number
  readonly reads: number
  readonly writes: number
  /** Of the price list. */
  readonly pricesAsOf: string
}

/** A millionth: a run of a small file costs a few of these. */
const moneyPlaces = 6

/** Exact to the last step, which rounds each amount by itself. */
export function costOf(use: FunctionUse, prices: Prices): Cost {
  const cu = cuOf(use, prices)
  const functions = product(cu, decimalOf(prices.perCu))
  const requests = requestsOf(use, prices)
  const { currency, asOf: pricesAsOf } = prices
  const { invocations, reads, writes } = use
  return {
    currency,
    total: textOf(sum(functions, requests ?? decimalOf(0)), moneyPlaces),
    functions: textOf(functions, moneyPlaces),
    requests: requests === null ? null : textOf(requests, moneyPlaces),
    cu: textOf(cu, 3),
    invocations,
    reads,
    writes,
    pricesAsOf,
  }
}

function cuOf({ invocations, vcpuMs, memoryMbMs }: FunctionUse, prices: Prices): Decimal {
  return sum(
    product(decimalOf(vcpuMs), thousandth, decimalOf(prices.cuPerVcpuSecond)),
    product(decimalOf(memoryMbMs), thousandth, of1024, decimalOf(prices.cuPerGbSecond)),
    product(decimalOf(invocations), tenThousandth, decimalOf(prices.cuPerTenThousandInvocations)),
  )
}

function requestsOf({ reads, writes }: FunctionUse, prices: Prices): Decimal | null {
  const { perTenThousandReads, perTenThousandWrites } = prices
  if (perTenThousandReads === null || perTenThousandWrites === null) return null
  return sum(
    product(decimalOf(reads), tenThousandth, decimalOf(perTenThousandReads)),
    product(decimalOf(writes), tenThousandth, decimalOf(perTenThousandWrites)),
  )
}
