import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { costOf, type FunctionUse, noUse } from '../../shared/cost/cost.ts'
import { decimalOf, product, sum, textOf } from '../../shared/cost/decimal.ts'
import { estimateCost } from '../../shared/cost/estimate.ts'
import { functionSizes } from '../../shared/cost/function-sizes.ts'
import { listPrices, Prices } from '../../shared/cost/prices.ts'
import { readDeployment } from '../support/deployment.ts'

const use = (change: Partial<FunctionUse>): FunctionUse => ({ ...noUse, ...change })
const priced: Prices = { ...listPrices, perTenThousandReads: '0.01', perTenThousandWrites: '0.02' }

describe('what a run cost', () => {
  it.each([
    ['nothing', {}, { cu: '0.000', total: '0.000000' }],
    // 51 s of 0.35 vCPU and 0.5 GB: 51 × (0.35 + 0.075) CU, as in fc-oss.md §9.
    ['a gigabyte at 20 MB/s', { vcpuMs: '17850', memoryMbMs: '26112000' }, { cu: '21.675', total: '0.000434' }],
    ['ten thousand invocations', { invocations: 10_000 }, { cu: '75.000', total: '0.001500' }],
    ['one of them', { invocations: 1 }, { cu: '0.008', functions: '0.000000' }],
    ['half a millionth, rounded up', { vcpuMs: '25' }, { cu: '0.025', functions: '0.000001' }],
    ['less than half', { vcpuMs: '24.99' }, { functions: '0.000000' }],
  ] as const)('%s', (_what, change, expected) => {
    expect(costOf(use(change), listPrices)).toMatchObject({ ...expected, currency: 'USD', pricesAsOf: '2024-08-27' })
  })

  it('says that requests are not in it when their price is not known', () => {
    const cost = costOf(use({ reads: 5, writes: 7 }), listPrices)
    expect(cost).toMatchObject({ requests: null, total: '0.000000', reads: 5, writes: 7 })
  })

  it('adds up requests of both classes', () => {
    expect(costOf(use({ reads: 20_000, writes: 5_000 }), priced)).toMatchObject({
      requests: '0.030000',
      total: '0.030000',
    })
  })

  it('rounds once: the total of a million small runs is exact', () => {
    const one = use({ vcpuMs: '123.45', memoryMbMs: '333' })
    const many = use({ vcpuMs: '123450000', memoryMbMs: '333000000' })
    expect(costOf(one, listPrices).total).toBe('0.000002')
    // 123,450 + 0.15 × 333,000 / 1024 CU.
    expect(costOf(many, listPrices).total).toBe('2.469976')
  })
})

it('decimals are exact, whatever their size', () => {
  const digits = fc.bigInt({ min: 0n, max: 10n ** 24n })
  const places = fc.integer({ min: 0, max: 12 })
  fc.assert(
    fc.property(digits, places, digits, places, (a, m, b, n) => {
      const [x, y] = [textOf({ units: a, places: m }, m), textOf({ units: b, places: n }, n)]
      expect(decimalOf(x)).toEqual({ units: a, places: m })
      expect(product(decimalOf(x), decimalOf(y)).units).toBe(a * b)
      expect(sum(decimalOf(x), decimalOf(y)).units).toBe(
        a * 10n ** BigInt(Math.max(0, n - m)) + b * 10n ** BigInt(Math.max(0, m - n)),
      )
    }),
  )
})

describe('the estimate of a plan', () => {
  const work = { staged: false, compressedBytes: 0, sideBySide: null }

  it('of 250 MB of gzip, two chunks of which are loaded at a time where they are inflated: no load', () => {
    const packed = { ...work, staged: true, pieces: 1, bytes: 0, compressedBytes: 250e6, sideBySide: 2 }
    const cost = estimateCost(packed, listPrices)
    expect(cost).toMatchObject({ invocations: 3, writes: 2, assuming: expect.stringContaining('4 bytes of records') })
    const loaded = estimateCost({ ...packed, sideBySide: null }, listPrices)
    expect(loaded?.invocations).toBe(4)
    expect(Number(loaded?.cu)).toBeGreaterThan(2 * Number(cost?.cu))
  })

  it('is none where nobody knows the size', () => {
    expect(estimateCost({ ...work, staged: true, pieces: 3, bytes: null }, listPrices)).toBeNull()
  })

  it('of 1 GB in 16 chunks: one plan, sixteen loads, one finish', () => {
    const cost = estimateCost({ ...work, pieces: 16, bytes: 1e9 }, listPrices)
    // load: 52.4 s × (0.25 + 0.15 × 0.25), plan: 10.15 s × (0.5 + 0.075), finish: 0.3 s × (0.35 + 0.075), 18 × 0.0075.
    expect(cost).toMatchObject({ invocations: 18, cu: '21.164', total: '0.000423', reads: 16 + 120 })
  })

  it('of a terabyte is a thousand times that of a gigabyte, about', () => {
    const of = (factor: number) =>
      Number(estimateCost({ ...work, staged: true, pieces: 16 * factor, bytes: 1e9 * factor }, listPrices)?.total)
    expect(of(1000) / of(1)).toBeCloseTo(1000, -2)
  })
})

it('the sizes of functions are those of s.yaml', () => {
  const { resources } = readDeployment()
  const sizes = Object.entries(resources).map(([name, { props }]) => [
    name,
    { vcpu: String(props.cpu), memoryMb: props.memorySize },
  ])
  expect(Object.fromEntries(sizes)).toEqual(functionSizes)
})

it('prices are texts, with the date of their list', () => {
  expect(Prices.safeParse(listPrices).success).toBe(true)
  for (const wrong of [{ perCu: 0.00002 }, { perCu: '-1' }, { asOf: 'now' }, { currency: '$' }, { perCU: '1' }])
    expect(Prices.safeParse({ ...listPrices, ...wrong }).success, JSON.stringify(wrong)).toBe(false)
})
