import type { CopyTarget, Target } from '../connectors/contract.ts'
import type { PostgresConnection } from '../ports/index.ts'
import { isSameDatabase } from './ends.ts'
import { isCapped } from './rate-cap.ts'
import type { RunContext } from './run-context.ts'

/**
 * Whether `stage` may load what it reads: rows commit with the ledger, and neither bytes nor sessions are counted. Staging a file
 * that is read from its beginning would cost the function and OSS four times what inflating does (docs/decisions.md,
 * 2026-11-30); where something is counted, it is staged, as loaders know how to wait.
 */
export function isNear(
  context: { readonly run: Pick<RunContext['run'], 'spec'> },
  target: Target,
  ledgerAddress: PostgresConnection,
): target is CopyTarget {
  if (target.kind !== 'copy' || isCapped(context)) return false
  return isSameDatabase(target.connection, ledgerAddress) && target.connection.maxConnections === undefined
}
