import * as z from 'zod'
import { asTransferError, type TransferError } from '../errors/index.ts'

/** One line of `doctor`: what was looked at, how it stands, and the next step where it stands badly. */
export const Finding = z.object({
  /** What it is about: `reader`, `writer, ledger`, `bucket`, `functions` … */
  about: z.string(),
  check: z.string(),
  /** `skipped`: an earlier check has to succeed first, or it cannot be looked at from here. */
  state: z.enum(['ok', 'warning', 'failed', 'skipped']),
  detail: z.string(),
  next: z.string().nullable(),
})
export type Finding = z.infer<typeof Finding>

/** A finding that does not know yet what it is about. */
export type Result = Omit<Finding, 'about'>

export const passed = (check: string, detail: string): Result => ({ check, state: 'ok', detail, next: null })
export const skipped = (check: string, detail: string): Result => ({ check, state: 'skipped', detail, next: null })
export const warned = (check: string, detail: string, next: string): Result => ({
  check,
  state: 'warning',
  detail,
  next,
})
export const failed = (check: string, detail: string, next: string): Result => ({
  check,
  state: 'failed',
  detail,
  next,
})

export const failedBy = (check: string, error: TransferError, next: string = error.policy.advice): Result =>
  failed(check, `${error.code}: ${error.message}`, next)

/** What the work says when it succeeds; its error, with the advice of the error, when it does not. */
export async function checked(check: string, work: () => Promise<string>): Promise<Result> {
  try {
    return passed(check, await work())
  } catch (thrown) {
    return failedBy(check, asTransferError(thrown))
  }
}

export const ofAll = (about: string, results: readonly Result[]): Finding[] =>
  results.map((result) => ({ about, ...result }))

export const isFine = (results: readonly Result[]): boolean => results.every(({ state }) => state !== 'failed')
