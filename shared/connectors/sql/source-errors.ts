import { TransferError } from '../../errors/index.ts'

/** A session blames the target by default; here the statement was one of the reader. */
export function asSourceError(error: unknown): unknown {
  if (!(error instanceof TransferError) || !ofTarget.has(error.code)) return error
  const { sqlstate } = error.context
  // A conflict with replication on a read-only node, or a deadlock: another attempt may pass.
  const isPassing = typeof sqlstate === 'string' && sqlstate.startsWith('40')
  const code = isPassing ? 'connect/lost' : (codes[String(sqlstate)] ?? 'source/sql-failed')
  return new TransferError(code, error.message, error.context, { cause: error.cause })
}

const ofTarget: ReadonlySet<string> = new Set(['target/sql-failed', 'target/busy'])

const codes: Readonly<Record<string, 'source/table-missing' | 'source/column-missing'>> = {
  '42P01': 'source/table-missing',
  '42703': 'source/column-missing',
}

export async function blamingSource<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw asSourceError(error)
  }
}
