import * as z from 'zod'

const Amount = z.string().regex(/^\d{1,12}(\.\d{1,12})?$/, 'must be a decimal number as text, such as "0.000020"')

/** What the cloud asks for. Texts, because no price is exact as a binary number. */
export const Prices = z.strictObject({
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a currency code such as USD'),
  /** Of the price list. */
  asOf: z.iso.date(),
  source: z.string().min(1),
  perCu: Amount,
  cuPerVcpuSecond: Amount,
  cuPerGbSecond: Amount,
  cuPerTenThousandInvocations: Amount,
  /** Requests to OSS; null: not known, and then they are counted and cost nothing. */
  perTenThousandReads: Amount.nullable(),
  perTenThousandWrites: Amount.nullable(),
})
export type Prices = z.infer<typeof Prices>

/**
 * The first tier of Function Compute's list on its international site, which is in force since 2024-08-27 (fc-oss.md §9): no later
 * list was found. OSS has no price that we could read in this currency, so it has none here.
 */
export const listPrices: Prices = {
  currency: 'USD',
  asOf: '2024-08-27',
  source: 'https://www.alibabacloud.com/help/en/functioncompute (billing, tier 1, list price)',
  perCu: '0.000020',
  cuPerVcpuSecond: '1',
  cuPerGbSecond: '0.15',
  cuPerTenThousandInvocations: '75',
  perTenThousandReads: null,
  perTenThousandWrites: null,
}
