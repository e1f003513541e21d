import { type ErrorCode, errorCodes } from './codes.ts'
import { type Policy, policies } from './policy.ts'

/** Facts that place an error: names, counts, ids, paths into the script. Never cell values, secrets or signed URLs. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null>>

/** One thing wrong with a text of the user's, or not taken at its word; for programs that show it in place. */
export interface FaultReport {
  readonly severity: 'error' | 'warning'
  readonly path: string
  /** 1-based; null where the text is not at hand. */
  readonly line: number | null
  readonly column: number | null
  readonly message: string
}

/** The JSON form, kept in the ledger and printed by `--json`. */
export interface ErrorReport {
  readonly code: ErrorCode
  readonly message: string
  readonly advice: string
  readonly context: ErrorContext
  /** Of an error that stands for several: each one, errors first, and the warnings of the same pass. */
  readonly faults?: readonly FaultReport[]
}

/**
 * The only error class of the product. `code` decides retry, blame and advice (see `policy.ts`);
 * `context` says where; `cause` keeps what was caught.
 */
export class TransferError extends Error {
  override readonly name = 'TransferError'
  readonly code: ErrorCode
  readonly context: ErrorContext
  readonly faults: readonly FaultReport[]

  constructor(
    code: ErrorCode,
    message: string,
    context: ErrorContext = {},
    options: { cause?: unknown; faults?: readonly FaultReport[] } = {},
  ) {
    super(message, options)
    this.code = code
    this.context = context
    this.faults = options.faults ?? []
  }

  get policy(): Policy {
    return policies[this.code]
  }

  report(): ErrorReport {
    const { code, message, context, faults } = this
    return { code, message, advice: this.policy.advice, context, ...(faults.length === 0 ? {} : { faults }) }
  }
}

/** Turns anything thrown into a TransferError; what is not one already is a bug of ours. */
export function asTransferError(thrown: unknown): TransferError {
  if (thrown instanceof TransferError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TransferError('internal/bug', message, {}, { cause: thrown })
}

/** The message of an error that leaves a function: of an error the platform keeps nothing else (fc-oss.md §3.1). */
export const outwardMessage = ({ code, message }: TransferError): string => `${code}: ${message}`

/** Reads `outwardMessage`. @returns null for the message of anything else */
export function codedMessage(text: string): { readonly code: ErrorCode; readonly message: string } | null {
  const [, given, message = ''] = /^([a-z]+\/[a-z-]+): (.*)$/s.exec(text) ?? []
  const code = errorCodes.find((known) => known === given)
  return code === undefined ? null : { code, message }
}
